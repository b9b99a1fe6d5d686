"""`pressrun build`: one site with a live screen, or several with one merged batch for all of them.

Invariant: exit codes are 0 complete, 1 delivered but incomplete (or failed after spending began), 2 refused before
anything was spent.
"""

import os
import signal
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

from pressrun.brief import SiteBrief
from pressrun.briefs import load_briefs
from pressrun.calls import Answer, Call
from pressrun.costs import Origin, ledger_row
from pressrun.durations import parse_duration
from pressrun.plan import price_table
from pressrun.progress import listening
from pressrun.result import BuildResult
from pressrun.screen import Screen, summary
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy, Preference, load_strategy

__all__ = ["COMPLETE", "INCOMPLETE", "REFUSED", "STOPPED", "build"]

COMPLETE, INCOMPLETE, REFUSED = 0, 1, 2
STOPPED = (
    "\nStopped. Every answer already paid for is kept, and a submitted batch keeps running at the provider. "
    "Run the same command to continue."
)

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
    options = {
        "preference": prefer,
        "max_wait_time": _duration(max_wait),
        "max_cost_usd": _usd(max_cost),
        "simulate": simulate,
        "out": out,
        "poll_seconds": poll or (0.5 if simulate else 5.0),
        "strategy": chosen,
    }
    console = Console()
    if len(sites) > 1 and not fresh:
        raise typer.Exit(_build_fleet(sites, options, console))
    codes = [_build_one(brief, {**options, "fresh": fresh}, console) for brief in sites]
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


def _build_one(brief: SiteBrief, options: dict[str, Any], console: Console) -> int:
    """Run the flow for one brief with a live screen; returns the exit code."""
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


def _build_fleet(briefs: list[SiteBrief], options: dict[str, Any], console: Console) -> int:
    """Run the flow for several briefs with one live screen; returns the exit code."""
    screen = Screen(title=f"build-fleet / {len(briefs)} sites", console=console, cost=_cost_of)
    with _leaving_at_once(console), _drawn(screen, console):
        from flows.build_fleet import build_fleet

        state: Any = build_fleet(sites=briefs, **options, return_state=True)
    if state.name == "Refused":
        console.print(f"[bold red]Refused.[/] {escape(state.message or '')}", highlight=False, soft_wrap=True)
        return REFUSED
    outcomes = state.result(raise_on_failure=False) if state.data is not None else []
    for one in outcomes if isinstance(outcomes, list) else []:
        console.print(f"[bold]{one.site}[/]: {one.outcome}", escape(one.message), highlight=False, soft_wrap=True)
    mark = "" if state.is_completed() else f"[bold red]{state.name}.[/] "
    console.print(f"{mark}{escape(state.message or '')}", highlight=False, soft_wrap=True)
    return COMPLETE if state.is_completed() else INCOMPLETE


@contextmanager
def _leaving_at_once(console: Console) -> Iterator[None]:
    """Make Ctrl-C end a run on a temporary Prefect server at once.

    The terminal interrupts that server too, and Prefect would try for minutes to report the end of the run to it.
    Everything paid for is persisted when it arrives, so there is nothing left to save.
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
    """A live screen on a terminal; otherwise the screen prints lines."""
    with listening(screen.see):
        if not console.is_terminal:
            yield
            return
        with Live(screen, console=console, refresh_per_second=8):
            yield


def _cost_of(call: Call, answer: Answer) -> Decimal:
    origin, table = Origin(run_id=""), price_table(Settings())
    return ledger_row(call, answer, valid=True, at=datetime.now(UTC), origin=origin, table=table).cost_usd
