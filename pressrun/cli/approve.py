"""`pressrun approve`: give a decision that a suspended run waits for."""

from typing import Annotated

import typer
from rich.console import Console

from pressrun.cli.prefect_server import prefect_server
from pressrun.settings import Settings

__all__ = ["approve"]


def approve(
    run: Annotated[str, typer.Argument(help="Run id or site slug.", metavar="RUN")],
    again: Annotated[
        str, typer.Option(help="Request a new version of the configuration, with these notes.", metavar="NOTES")
    ] = "",
    stop: Annotated[bool, typer.Option("--stop", help="Stop the run.")] = False,
    by: Annotated[str, typer.Option(help="Your name, recorded in the manifest.", metavar="NAME")] = "",
) -> None:
    """Decide on a configuration or finished site that waits for approval. Without an option, approve it."""
    if again and stop:
        raise typer.BadParameter("use one or the other, not both", param_hint="--again, --stop")
    with prefect_server(Settings()):
        from flows.approval import APPROVE, NEW_VERSION, STOP
        from flows.deciding import decide

        decision = STOP if stop else NEW_VERSION if again else APPROVE
        told = decide(run, {"decision": decision, "notes": again, "by": by})
    Console().print(told, highlight=False, markup=False, soft_wrap=True)
