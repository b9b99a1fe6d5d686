"""The command `pressrun`: a thin layer over the flows.

Invariant: a user error gives a message and exit code 2, never a traceback. Exit codes: 0 complete, 1 delivered but
incomplete (or failed after spending began), 2 refused before anything was spent.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from pressrun import __version__, batches_cli, build_cli, costs_cli, forecast_cli, service_cli
from pressrun.brief import load_brief
from pressrun.build_cli import COMPLETE, INCOMPLETE, REFUSED, STOPPED
from pressrun.errors import PressrunError
from pressrun.files import load_model
from pressrun.settings import Settings

__all__ = ["app", "main"]

app = typer.Typer(
    name="pressrun",
    help="Produce content websites with language models: one merged batch, honest costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(batches_cli.app, name="batches")
app.command()(build_cli.build)
app.command()(forecast_cli.forecast)
app.command()(costs_cli.costs)
app.command()(costs_cli.reconcile)
app.command()(service_cli.up)
app.command()(service_cli.down)
app.command()(service_cli.setup)


@batches_cli.app.command()
def adopt(batch: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Import a batch from the provider into this installation, so that the next run of its brief does not pay again."""
    from flows.adopt_batch import adopt_batch

    state: Any = adopt_batch(batch, return_state=True)
    refused = state.name == "Refused"
    word = "[bold red]Refused.[/]" if refused else "" if state.is_completed() else "[bold red]Failed.[/]"
    Console(stderr=not state.is_completed()).print(
        f"{word} {escape(state.message or '')}".strip(), highlight=False, soft_wrap=True
    )
    raise typer.Exit(COMPLETE if state.is_completed() else REFUSED if refused else INCOMPLETE)


def main() -> None:
    """Entry point: Pressrun's own errors become a message and exit code 2."""
    quiet_environment()
    try:
        app()
    except PressrunError as error:
        Console(stderr=True).print(f"[bold red]Refused.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        Console(stderr=True).print(STOPPED, highlight=False)
        sys.exit(130)


def quiet_environment() -> None:
    """Set before prefect is imported: no telemetry by default, and our own screen instead of Prefect's console log.

    The log still goes to the Prefect API, so it can be read in the UI.
    """
    for name, value in {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
        # A temporary server creates its database on first start; Prefect's default timeout is 20 seconds.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }.items():
        os.environ.setdefault(name, value)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        Console().print(f"pressrun {__version__}", highlight=False)
        raise typer.Exit


@app.command()
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
    from flows.approval import APPROVE, NEW_VERSION, STOP
    from flows.deciding import decide

    decision = STOP if stop else NEW_VERSION if again else APPROVE
    told = decide(run, {"decision": decision, "notes": again, "by": by})
    Console().print(told, highlight=False, markup=False, soft_wrap=True)


@app.command()
def params(brief: Annotated[Path, typer.Argument(help="Brief file (YAML or JSON).", metavar="BRIEF")]) -> None:
    """Print a brief as parameters: prefect deployment run build-site/on-demand --params "$(pressrun params BRIEF)"."""
    given = load_brief(brief).model_dump(mode="json", exclude_unset=True)
    typer.echo(json.dumps({"brief": given}, ensure_ascii=False))


@app.command()
def simulate(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="127.0.0.1: only this machine can connect.")] = "127.0.0.1",
    batch_seconds: Annotated[float, typer.Option(help="How long a batch takes.", min=0)] = 5.0,
    state: Annotated[
        Path | None, typer.Option(help="Folder for files and batches, kept across restarts.", metavar="DIR")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="Fault script (YAML or JSON): faults to inject.", metavar="FILE")
    ] = None,
) -> None:
    """Run an OpenAI-compatible simulator for any OpenAI client: Files, Batches, Chat, Images, Models."""
    from pressrun.simulator import FaultScript, serve

    script = load_model(faults, FaultScript) if faults else None
    Console().print(
        f"SIMULATED OpenAI at http://{host}:{port}/v1 (any key that begins with sk-). Use it with\n"
        f"  OPENAI_BASE_URL=http://{host}:{port}/v1 OPENAI_API_KEY=sk-simulated pressrun build BRIEF\n"
        "Press Ctrl-C to stop it.",
        highlight=False,
        soft_wrap=True,
    )
    serve(state or Settings().state_dir / "simulator", host, port, batch_seconds, 0.0, faults=script)


@app.command()
def webhooks(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8090,
    host: Annotated[str, typer.Option(help="127.0.0.1 accepts only connections from your HTTPS proxy.")] = "127.0.0.1",
) -> None:
    """Receive OpenAI's webhooks, so that waiting runs check their batch as soon as it ends."""
    from prefect.settings import PREFECT_API_URL

    from pressrun.webhooks import receive
    from tasks.collector import collect_soon

    receive(Settings(), host, port, Console(), collect_soon if PREFECT_API_URL.value() else None)


@app.command()
def doctor() -> None:
    """Check the key, the provider, Prefect, and how long each configured model will be available."""
    from pressrun.doctor import examine

    console = Console()
    findings = examine(Settings(), datetime.now(UTC).date())
    for finding in findings:
        mark = {"ok": "[green]ok[/]  ", "warn": "[yellow]note[/]", "bad": "[red]bad[/] "}[finding.level]
        console.print(f"{mark}  [bold]{finding.subject}[/]: {escape(finding.text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(REFUSED if any(finding.level == "bad" for finding in findings) else COMPLETE)
