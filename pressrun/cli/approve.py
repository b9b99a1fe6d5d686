"""`pressrun approve`: give a decision that a suspended run waits for."""

from typing import Annotated

import typer
from rich.console import Console

from pressrun.cli.prefect_server import prefect_server
from pressrun.settings import Settings

__all__ = ["approve"]


def approve(
    run: Annotated[str, typer.Argument(help="Id of the run, or the site's slug.", metavar="RUN")],
    again: Annotated[
        str, typer.Option(help="Have another version of the configuration made, by these notes.", metavar="NOTES")
    ] = "",
    stop: Annotated[bool, typer.Option("--stop", help="End the run.")] = False,
    by: Annotated[str, typer.Option(help="Your name, for the manifest.", metavar="NAME")] = "",
) -> None:
    """Decide on the configuration or the finished site that a suspended run asks about; without an option: approve."""
    if again and stop:
        raise typer.BadParameter("either another version or an end", param_hint="--again, --stop")
    with prefect_server(Settings()):
        from flows.approval import APPROVE, NEW_VERSION, STOP
        from flows.deciding import decide

        decision = STOP if stop else NEW_VERSION if again else APPROVE
        told = decide(run, {"decision": decision, "notes": again, "by": by})
    Console().print(told, highlight=False, markup=False, soft_wrap=True)
