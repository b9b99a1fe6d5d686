"""The command `pressrun`: thin, over the flows.

Invariants: a user's mistake gives a message and exit code 2, never a traceback; and a command imports only its own
module, so that `pressrun --help` imports neither pandas nor prefect nor openai.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from pressrun import __version__
from pressrun.cli.exit_codes import REFUSED, STOPPED
from pressrun.errors import PressrunError

__all__ = ["COMMANDS", "application", "main"]

COMMANDS = {
    "build": ("build:build", "Build one site for each brief; run it again to go on where it was stopped."),
    "forecast": (
        "forecast:forecast",
        "Show each step under every route, the plan chosen and what it saves; spends nothing and needs no key.",
    ),
    "costs": ("costs:costs", "Show what was spent across runs: by site, step, model and route, with the trend."),
    "reconcile": (
        "costs:reconcile",
        "Compare the ledger with the provider's own export: matched, unmatched, difference.",
    ),
    "up": (
        "service:up",
        "Start a local Prefect server, set it up, and start a worker and the finished sites beside it.",
    ),
    "down": ("service:down", "End what `pressrun up` started; data and logs stay."),
    "setup": (
        "service:setup",
        "Set up the Prefect server that PREFECT_API_URL names: work pool, limits, deployments, notifications.",
    ),
    "approve": (
        "approve:approve",
        "Decide on the configuration or the finished site that a suspended run asks about; without an option: approve.",
    ),
    "params": (
        "params:params",
        'Print a brief as parameters: prefect deployment run build-site/on-demand --params "$(pressrun params BRIEF)".',
    ),
    "batches": (
        "batches:app",
        "What this project has in flight or left behind at the provider: list, show, cancel, clean.",
    ),
    "webhooks": (
        "serving:webhooks",
        "Receive OpenAI's webhooks, so that runs that wait look at their batch as soon as it ends.",
    ),
    "simulate": (
        "serving:simulate",
        "Serve an OpenAI-compatible simulator to any OpenAI client: Files, Batches, Chat, Images, Models.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check the key, the provider, Prefect, and how long each configured model will be there.",
    ),
}
"""By name: where in this package a command is (a function, or a `Typer` of several), and what it does."""


def application(chosen: str | None = None) -> typer.Typer:
    """The command, of which only `chosen` can be run; of the others it knows what `--help` lists."""
    app = typer.Typer(
        name="pressrun",
        help="Content websites by language models: one merged batch, honest costs.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_version)
    for name, (place, summary) in COMMANDS.items():
        command = _load(place) if name == chosen else _not_loaded
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, short_help=summary)(command)
    return app


def _load(place: str) -> typer.Typer | Callable[..., Any]:
    module, _, attribute = place.partition(":")
    command: typer.Typer | Callable[..., Any] = getattr(import_module(f"pressrun.cli.{module}"), attribute)
    return command


def _not_loaded() -> None:
    raise AssertionError("only the command that was chosen is run")


def _version(show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    if show:
        Console().print(f"pressrun {__version__}", highlight=False)
        raise typer.Exit


def main() -> None:
    """Entry point: our own errors become a message and exit code 2."""
    quiet_environment()
    try:
        application(next((word for word in sys.argv[1:] if not word.startswith("-")), None))()
    except PressrunError as error:
        Console(stderr=True).print(f"[bold red]Refused.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        Console(stderr=True).print("\nStopped.", highlight=False)
        sys.exit(STOPPED)


def quiet_environment() -> None:
    """Before prefect is imported: no telemetry unless someone asked for it, and our own screen instead of its log.

    The log still goes to the Prefect API, so the run can be read in the UI.
    """
    for name, value in {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
        # A temporary server makes its database at the first start; Prefect itself gives up after 20 seconds.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }.items():
        os.environ.setdefault(name, value)
