"""The command `pressrun`: a thin layer over the flows.

Invariants: a user error gives a message and exit code 2, never a traceback; and a command imports only its own
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
from pressrun.connection import spare_loopback
from pressrun.errors import PressrunError

__all__ = ["COMMANDS", "application", "main"]

COMMANDS = {
    "build": ("build:build", "Build one site per brief. Run it again to continue after an interruption."),
    "forecast": (
        "forecast:forecast",
        "Show the cost of each step on every route, the chosen plan and what it saves. Spends nothing, needs no key.",
    ),
    "costs": ("costs:costs", "Show what was spent across runs: by site, step, model and route, with the trend."),
    "reconcile": ("costs:reconcile", "Compare the ledger with the provider's export: matched, unmatched, difference."),
    "correct": ("correct:correct", "Correct the tokens of one call in the ledger, as the provider's invoice has them."),
    "up": ("service:up", "Start a local Prefect server, set it up, start a worker, and serve the finished sites."),
    "down": ("service:down", "Stop what `pressrun up` started. Data and logs are kept."),
    "setup": (
        "service:setup",
        "Set up the Prefect server that PREFECT_API_URL names: work pool, limits, deployments, notifications.",
    ),
    "approve": (
        "approve:approve",
        "Decide on a configuration or finished site that waits for approval. Without an option, approve it.",
    ),
    "params": (
        "params:params",
        'Print a brief as parameters: prefect deployment run build-site/on-demand --params "$(pressrun params BRIEF)".',
    ),
    "batches": (
        "batches:app",
        "Manage this project's batches and files at the provider: list, show, cancel, clean, adopt.",
    ),
    "webhooks": (
        "serving:webhooks",
        "Receive OpenAI's webhooks, so that waiting runs check their batch as soon as it ends.",
    ),
    "simulate": (
        "serving:simulate",
        "Run an OpenAI-compatible simulator for any OpenAI client: Files, Batches, Chat, Images, Models.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check the key, the provider, Prefect, and how long each configured model will be available.",
    ),
}
"""By name: the location of each command in this package (a function, or a `Typer` with subcommands), and its help."""


def application(chosen: str | None = None) -> typer.Typer:
    """The application. Only the `chosen` command can be run; for the others it has only the help for `--help`."""
    app = typer.Typer(
        name="pressrun",
        help="Produce content websites with language models: one merged batch, honest costs.",
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


def _version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        Console().print(f"pressrun {__version__}", highlight=False)
        raise typer.Exit


def main() -> None:
    """Entry point: Pressrun's own errors become a message and exit code 2."""
    quiet_environment()
    spare_loopback()
    try:
        application(next((word for word in sys.argv[1:] if not word.startswith("-")), None))()
    except PressrunError as error:
        Console(stderr=True).print(f"[bold red]Refused.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        Console(stderr=True).print("\nStopped.", highlight=False)
        sys.exit(STOPPED)


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
