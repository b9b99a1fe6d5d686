"""`pressrun params`: a brief as the parameters of a deployment."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pressrun.brief import load_brief

__all__ = ["params"]


def params(brief: Annotated[Path, typer.Argument(help="Brief file (YAML or JSON).", metavar="BRIEF")]) -> None:
    """Print a brief as parameters: prefect deployment run build-site/on-demand --params "$(pressrun params BRIEF)"."""
    given = load_brief(brief).model_dump(mode="json", exclude_unset=True)
    typer.echo(json.dumps({"brief": given}, ensure_ascii=False))
