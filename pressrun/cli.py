"""The command `pressrun`: thin, over the flows.

Invariant: a person's mistake gives a message and exit code 2, never a traceback. Exit codes: 0 complete, 1 delivered
but incomplete (or failed after spending began), 2 refused before anything was spent.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from pressrun import __version__, batches_cli, costs_cli, forecast_cli
from pressrun.brief import SiteBrief
from pressrun.briefs import load_briefs
from pressrun.calls import Answer, Call
from pressrun.costs import Origin, ledger_row
from pressrun.durations import parse_duration
from pressrun.errors import PressrunError
from pressrun.files import load_model
from pressrun.plan import price_table
from pressrun.progress import listening
from pressrun.result import BuildResult
from pressrun.screen import Screen, summary
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy, Preference, load_strategy

__all__ = ["app", "main"]

COMPLETE, INCOMPLETE, REFUSED = 0, 1, 2
STOPPED = (
    "\nStopped. Every answer that was paid for is kept, and a batch goes on at the provider: "
    "the same command takes up from here."
)

app = typer.Typer(
    name="pressrun",
    help="Content websites by language models: one merged batch, honest costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(batches_cli.app, name="batches")
app.command()(forecast_cli.forecast)
app.command()(costs_cli.costs)
app.command()(costs_cli.reconcile)


@batches_cli.app.command()
def adopt(batch: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Take a batch that is at the provider into this installation: the next run of its brief pays nothing for it."""
    from flows.adopt_batch import adopt_batch

    state: Any = adopt_batch(batch, return_state=True)
    refused = state.name == "Refused"
    word = "[bold red]Refused.[/]" if refused else "" if state.is_completed() else "[bold red]Failed.[/]"
    Console(stderr=not state.is_completed()).print(
        f"{word} {escape(state.message or '')}".strip(), highlight=False, soft_wrap=True
    )
    raise typer.Exit(COMPLETE if state.is_completed() else REFUSED if refused else INCOMPLETE)


Briefs = Annotated[
    list[Path], typer.Argument(help="Brief files (YAML or JSON), or folders of them.", metavar="BRIEF...")
]
StrategyFile = Annotated[Path | None, typer.Option("--strategy", help="Strategy file (YAML or JSON).")]
Prefer = Annotated[Preference | None, typer.Option(help="Wins over the strategy's own preference.")]
MaxWait = Annotated[
    str | None, typer.Option(help="How long a batch may take before the rest is done in real time: 6h.")
]
MaxCost = Annotated[
    str | None,
    typer.Option(help="Cap for a site: refused if the forecast is above; no call that could break it.", metavar="USD"),
]


def main() -> None:
    """Entry point: our own errors become a message and exit code 2."""
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


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    if show:
        Console().print(f"pressrun {__version__}", highlight=False)
        raise typer.Exit


@app.command()
def build(
    briefs: Briefs,
    out: Annotated[Path, typer.Option(help="Folder for the bundles: DIR/<slug>/.", metavar="DIR")] = Path("sites"),
    strategy: StrategyFile = None,
    prefer: Prefer = None,
    max_wait: MaxWait = None,
    max_cost: MaxCost = None,
    poll: Annotated[float | None, typer.Option(help="Seconds between the first looks at a batch.", min=0.01)] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Use the built-in simulator; no key, no cost.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Pay for everything again.")] = False,
) -> None:
    """Build one site for each brief; run it again to go on where it was stopped."""
    sites = load_briefs(briefs)
    chosen = load_strategy(strategy) if strategy else BatchStrategy()
    options = {
        "preference": prefer,
        "max_wait_time": _duration(max_wait),
        "max_cost_usd": _usd(max_cost),
        "simulate": simulate,
        "fresh": fresh,
        "out": str(out),
        "poll_seconds": poll or (0.5 if simulate else 5.0),
        "strategy": chosen,
    }
    console = Console()
    codes = [_build_one(brief, options, console) for brief in sites]
    raise typer.Exit(max(codes))


@app.command()
def approve(
    run: Annotated[str, typer.Argument(help="Id of the run, or the site's slug.", metavar="RUN")],
    again: Annotated[str, typer.Option(help="Have another version made, by these notes.", metavar="NOTES")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="End the run.")] = False,
    by: Annotated[str, typer.Option(help="Your name, for the manifest.", metavar="NAME")] = "",
) -> None:
    """Decide on the configuration that a suspended run asks about; without an option it is approved as it is."""
    if again and stop:
        raise typer.BadParameter("either another version or an end", param_hint="--again, --stop")
    from flows.approval import APPROVE, NEW_VERSION, STOP, decide

    decision = STOP if stop else NEW_VERSION if again else APPROVE
    told = decide(run, {"decision": decision, "notes": again, "by": by})
    Console().print(told, highlight=False, markup=False, soft_wrap=True)


@app.command()
def simulate(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="127.0.0.1 keeps it on this machine.")] = "127.0.0.1",
    batch_seconds: Annotated[float, typer.Option(help="How long a batch takes.", min=0)] = 5.0,
    state: Annotated[Path | None, typer.Option(help="Folder that survives a restart.", metavar="DIR")] = None,
    faults: Annotated[
        Path | None, typer.Option(help="Fault script (YAML or JSON): what is to go wrong.", metavar="FILE")
    ] = None,
) -> None:
    """Serve an OpenAI-compatible simulator to any OpenAI client: Files, Batches, Chat, Images, Models."""
    from pressrun.simulator import FaultScript, serve

    script = load_model(faults, FaultScript) if faults else None
    Console().print(
        f"SIMULATED OpenAI at http://{host}:{port}/v1 (any key that begins with sk-). Use it with\n"
        f"  OPENAI_BASE_URL=http://{host}:{port}/v1 OPENAI_API_KEY=sk-simulated pressrun build BRIEF\n"
        "Ctrl-C ends it.",
        highlight=False,
        soft_wrap=True,
    )
    serve(state or Settings().state_dir / "simulator", host, port, batch_seconds, 0.0, faults=script)


@app.command()
def webhooks(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8090,
    host: Annotated[str, typer.Option(help="127.0.0.1 keeps it behind your own HTTPS server.")] = "127.0.0.1",
) -> None:
    """Receive OpenAI's webhooks, so that runs that wait look at their batch as soon as it ends."""
    from pressrun.webhooks import receive

    receive(Settings(), host, port, Console())


@app.command()
def doctor() -> None:
    """Check the key, the provider, Prefect, and how long each configured model will be there."""
    from pressrun.doctor import examine

    console = Console()
    findings = examine(Settings(), datetime.now(UTC).date())
    for finding in findings:
        mark = {"ok": "[green]ok[/]  ", "warn": "[yellow]note[/]", "bad": "[red]bad[/] "}[finding.level]
        console.print(f"{mark}  [bold]{finding.subject}[/]: {escape(finding.text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(REFUSED if any(finding.level == "bad" for finding in findings) else COMPLETE)


def _duration(text: str | None) -> timedelta | None:
    try:
        return parse_duration(text) if text is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-wait") from None


def _usd(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not an amount such as 0.75", param_hint="--max-cost") from None
    if not amount.is_finite() or amount <= 0:
        raise typer.BadParameter("the cap must be above 0", param_hint="--max-cost")
    return amount


def _build_one(brief: SiteBrief, options: dict[str, Any], console: Console) -> int:
    """Run the flow for one brief under a live screen; returns the exit code."""
    screen = Screen(title=f"build-site / {brief.slug}", console=console, cost=_cost_of)
    with _leaving_at_once(console), _drawn(screen, console):
        from flows.build_site import build_site

        state: Any = build_site(brief=brief, **options, return_state=True)
    if state.name == "Refused":
        console.print(f"[bold red]Refused.[/] {escape(state.message or '')}", highlight=False, soft_wrap=True)
        return REFUSED
    result: Any = state.result(raise_on_failure=False)
    if not isinstance(result, BuildResult):
        console.print(f"[bold red]Failed.[/] {escape(state.message or repr(result))}", highlight=False, soft_wrap=True)
        return INCOMPLETE
    console.print(summary(result), soft_wrap=True)
    return COMPLETE if result.complete else INCOMPLETE


@contextmanager
def _leaving_at_once(console: Console) -> Iterator[None]:
    """Ctrl-C ends a run on a temporary Prefect server at once.

    The terminal interrupts that server too, and Prefect would try for minutes to report the end of the run to it. All
    that was paid for is persisted as it comes, so there is nothing left to save.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield
        return

    def leave(_signal: int, _frame: FrameType | None) -> None:
        console.show_cursor(True)
        console.print(STOPPED, highlight=False)
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _drawn(screen: Screen, console: Console) -> Iterator[None]:
    """A live screen on a terminal; on a pipe the screen prints its own lines."""
    with listening(screen.see):
        if not console.is_terminal:
            yield
            return
        with Live(screen, console=console, refresh_per_second=8):
            yield


def _cost_of(call: Call, answer: Answer) -> Decimal:
    origin, table = Origin(run_id=""), price_table(Settings())
    return ledger_row(call, answer, valid=True, at=datetime.now(UTC), origin=origin, table=table).cost_usd
