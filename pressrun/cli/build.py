"""`pressrun build`: one site with a live screen, or several with one merged batch for all of them.

Invariant: exit codes are 0 complete, 1 delivered but incomplete (or failed after spending began), 2 refused before
anything was spent.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from pressrun.brief import SiteBrief
from pressrun.briefs import load_briefs
from pressrun.calls import Answer, Call
from pressrun.cli.exit_codes import COMPLETE, INCOMPLETE, REFUSED, STOPPED
from pressrun.cli.prefect_server import prefect_server
from pressrun.cli.screen import Screen, summary
from pressrun.costs.ledger import Origin, ledger_row
from pressrun.durations import parse_duration
from pressrun.preflight import check_order, checked_settings
from pressrun.prices import Tariff, tariff
from pressrun.progress import listening
from pressrun.project import importable
from pressrun.result import BuildResult
from pressrun.strategy import BatchStrategy, Preference, load_strategy

__all__ = ["build"]

STOPPED_TEXT = (
    "\nStopped. Every answer already paid for is kept, and a submitted batch keeps running at the provider. "
    "Run the same command to continue."
)

QUIET_SECONDS = 5
"""On a pipe: a progress line is printed after this long without other output."""

Briefs = Annotated[
    list[Path], typer.Argument(help="Brief files (YAML or JSON), or folders with briefs.", metavar="BRIEF...")
]
StrategyFile = Annotated[Path | None, typer.Option("--strategy", help="Strategy file (YAML or JSON).")]
Prefer = Annotated[Preference | None, typer.Option(help="Overrides the strategy's preference.")]
MaxWait = Annotated[
    str | None, typer.Option(help="How long to wait for a batch before falling back to real time, such as 6h.")
]
MaxCost = Annotated[
    str | None,
    typer.Option(help="Cost cap per site: refuses a higher forecast and any call that could exceed it.", metavar="USD"),
]


def build(
    briefs: Briefs,
    out: Annotated[
        str, typer.Option(help="Output location: a folder, or s3://, gs://, az://.", metavar="OUT")
    ] = "sites",
    strategy: StrategyFile = None,
    prefer: Prefer = None,
    max_wait: MaxWait = None,
    max_cost: MaxCost = None,
    poll: Annotated[float | None, typer.Option(help="First poll interval of a batch, in seconds.", min=0.01)] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Use the built-in simulator: no key, no cost.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ignore earlier results and pay for everything again, site by site.")
    ] = False,
) -> None:
    """Build one site per brief. Run it again to continue after an interruption.

    Several sites share one merged batch. Sites that have not changed since they were built are skipped.
    """
    sites = load_briefs(briefs)
    chosen = load_strategy(strategy) if strategy else BatchStrategy()
    options: dict[str, Any] = {
        "max_cost_usd": _usd(max_cost),
        "simulate": simulate,
        "out": out,
        "poll_seconds": poll or (0.5 if simulate else 5.0),
        "strategy": chosen.with_choices(prefer, _duration(max_wait)),
    }
    runs = [[site] for site in sites] if fresh else [sites]
    with ExitStack() as server:
        codes = [_build(run, options, fresh, server) for run in runs]
    raise typer.Exit(max(codes))


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
        raise typer.BadParameter(f"{text!r} is not an amount, such as 0.75", param_hint="--max-cost") from None
    if not amount.is_finite() or amount <= 0:
        raise typer.BadParameter("the cap must be greater than 0", param_hint="--max-cost")
    return amount


def _build(sites: list[SiteBrief], options: dict[str, Any], fresh: bool, server: ExitStack) -> int:
    """One flow run for a site or a fleet, with a live screen; returns the exit code.

    `server` holds the Prefect server that all runs of a command share.
    """
    console, settings = Console(), checked_settings(simulate=options["simulate"])
    title = f"build-site / {sites[0].slug}" if len(sites) == 1 else f"build-fleet / {len(sites)} sites"
    screen = Screen(
        title=title, console=console, cost=partial(_cost, tariff=tariff(settings, simulate=options["simulate"]))
    )
    with _drawn(screen, console):
        screen.enter("checking the plan, the prices and the provider")
        checked = {name: options[name] for name in ("simulate", "out")} | {"cap": options["max_cost_usd"]}
        check_order(sites, options["strategy"], settings, datetime.now(UTC), **checked)
        screen.enter("starting Prefect")
        is_temporary = server.enter_context(prefect_server(settings))
        with _leaving_at_once(console) if is_temporary else nullcontext():
            state = _run(sites, options, fresh)
            result = state.result(raise_on_failure=False) if state.data is not None else None
    return _tell(state, result, console)


def _run(sites: list[SiteBrief], options: dict[str, Any], fresh: bool) -> Any:
    """The final state of the flow run."""
    importable()
    if len(sites) > 1:
        from flows.build_fleet import build_fleet

        return build_fleet(sites=sites, **options, return_state=True)
    from flows.build_site import build_site

    return build_site(brief=sites[0], fresh=fresh, **options, return_state=True)


def _tell(state: Any, result: Any, console: Console) -> int:
    """Print the result of a run; returns the exit code."""
    if isinstance(result, BuildResult):
        console.print(summary(result), highlight=False, soft_wrap=True)
        return COMPLETE if result.complete else INCOMPLETE
    for one in result if isinstance(result, list) else []:
        console.print(
            f"[bold]{escape(one.site)}[/]: {one.outcome}", escape(one.message), highlight=False, soft_wrap=True
        )
    mark = "" if state.is_completed() else f"[bold red]{state.name}.[/] "
    console.print(f"{mark}{escape(state.message or repr(result))}", highlight=False, soft_wrap=True)
    return COMPLETE if state.is_completed() else REFUSED if state.name == "Refused" else INCOMPLETE


@contextmanager
def _leaving_at_once(console: Console) -> Iterator[None]:
    """Make Ctrl-C end a run on a temporary server at once; that server ends with this process.

    Everything paid for is persisted when it arrives, so there is nothing left to save.
    """

    def leave(_signal: int, _frame: FrameType | None) -> None:
        console.show_cursor(True)
        console.print(STOPPED_TEXT, highlight=False)
        os._exit(STOPPED)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _drawn(screen: Screen, console: Console) -> Iterator[None]:
    """A live screen on a terminal; on a pipe the screen prints lines, at least one every few seconds."""
    with (
        listening(screen.see),
        Live(screen, console=console, refresh_per_second=8) if console.is_terminal else _ticking(screen),
    ):
        yield


@contextmanager
def _ticking(screen: Screen) -> Iterator[None]:
    done = threading.Event()

    def tick() -> None:
        lines = screen.lines
        while not done.wait(QUIET_SECONDS):
            if screen.lines == lines:
                screen.say_progress()
            lines = screen.lines

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()


def _cost(call: Call, answer: Answer, *, tariff: Tariff) -> Decimal:
    return ledger_row(call, answer, valid=True, at=datetime.now(UTC), origin=Origin(run_id=""), tariff=tariff).cost_usd
