"""The terminal's view of a run: one row per step, the batch, the time and the cost so far.

Invariant: the screen only draws the events it receives; it makes no requests, so it can neither slow nor fail a run.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import humanize
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pressrun.calls import NOT_SENT, Answer, Call, Route, StepName
from pressrun.costs.money import usd
from pressrun.durations import say_left
from pressrun.progress import BatchSeen, CallDone, Event, Note, RoutesChosen, StepStarted
from pressrun.result import BuildResult
from pressrun.steps import STEPS
from pressrun.strategy import StepRoute

__all__ = ["Screen", "summary"]

RUNNING = {"validating", "in_progress", "finalizing"}
"""Statuses of a batch in progress."""
ROUTE_COLOURS = {Route.BATCH: "cyan", Route.FLEX: "bright_blue", Route.REALTIME: "yellow"}


@dataclass
class StepLine:
    """One step's row."""

    total: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0


@dataclass
class Screen:
    """Collects events (from any thread) and draws them; on a pipe it prints lines for the important ones instead."""

    title: str
    console: Console
    cost: Callable[[Call, Answer], Decimal]
    """The cost of an answer in USD."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    routes: dict[StepName, StepRoute] = field(default_factory=dict)
    steps: dict[StepName, StepLine] = field(default_factory=dict)
    batches: dict[str, BatchSeen] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    spent: Decimal = Decimal(0)
    simulated: bool = False
    phase: str = ""
    """What the run is doing before its steps have routes."""
    lines: int = 0
    """Lines printed so far, on a pipe."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def see(self, event: Event) -> None:
        """Handle one event."""
        with self._lock:
            line = self._take(event)
        self._print(line)

    def enter(self, phase: str) -> None:
        """Show what the run is doing before its steps have routes."""
        self.phase = phase
        self._print(phase)

    def say_progress(self) -> None:
        """On a pipe, print the state of the run, so that a quiet minute does not look like a hang."""
        with self._lock:
            steps = [f"{STEPS[step].title} {line.done}/{line.total}" for step, line in self.steps.items()]
            batches = [f"batch {_say_batch(seen)}" for seen in self.batches.values() if seen.status in RUNNING]
            line = f"{self._elapsed()} {'; '.join([*steps, *batches]) or self.phase}"
        self._print(line)

    def _print(self, line: str | None) -> None:
        if line and not self.console.is_terminal:
            self.lines += 1
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _elapsed(self) -> str:
        seconds = int((datetime.now(UTC) - self.started).total_seconds())
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _take(self, event: Event) -> str | None:
        """Update the state; returns the line to print on a pipe, if any."""
        match event:
            case RoutesChosen():
                self.simulated = event.simulated
                self.routes = {route.step: route for route in event.routes}
                routes = ", ".join(f"{route.step} {route.route}" for route in event.routes)
                return f"{'SIMULATED: ' if event.simulated else ''}{routes}"
            case StepStarted():
                self.steps.setdefault(event.step, StepLine()).total += event.items
                return f"{STEPS[event.step].title}: {event.items} {'item' if event.items == 1 else 'items'}"
            case CallDone():
                return self._count(event)
            case BatchSeen():
                before = self.batches.get(event.batch_id)
                self.batches[event.batch_id] = event
                is_news = before is None or _seen(before) != _seen(event)
                return f"batch {event.batch_id}: {_say_batch(event)}" if is_news else None
            case Note():
                self.notes.append(event.text)
                return event.text
        return None

    def _count(self, event: CallDone) -> str | None:
        line = self.steps.setdefault(event.call.step, StepLine())
        if event.answer.retryable:
            return None
        # A repair is another call for an item that was counted at its first reply.
        count = len(event.call.covers)
        line.done += count if event.call.repairs is None else 0
        line.reused += count if event.reused else 0
        line.failed += count if event.answer.error is not None else 0
        if not event.reused:
            self.spent += self.cost(event.call, event.answer)
        if event.call.repairs or line.done != line.total:
            return None
        return f"{STEPS[event.call.step].title}: {line.done} of {line.total} done"

    def __rich__(self) -> RenderableType:
        with self._lock:
            body = [self._table(), *self._batch_lines()] if self.routes else [Text(self.phase, "dim")]
            return Group(self._heading(), *body, *map(self._note, self.notes[-4:]))

    def _heading(self) -> Text:
        text = Text.assemble((self.title, "bold"), f"   {self._elapsed()}   ", (usd(self.spent), "bold green"))
        return text.append("   SIMULATED", "bold magenta") if self.simulated else text

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("step", "route", "done", "", "why"):
            table.add_column(name, justify="right" if name == "done" else "left", no_wrap=name != "why")
        for step, route in self.routes.items():
            line = self.steps.get(step, StepLine())
            style = "" if line.total else "dim"
            counts = f"{line.done}/{line.total}" if line.total else "-"
            table.add_row(
                Text(STEPS[step].title, style),
                Text(route.route, ROUTE_COLOURS[route.route] if line.total else "dim"),
                counts,
                _remark(line),
                Text(route.reason, "dim"),
            )
        return table

    def _batch_lines(self) -> list[Text]:
        return [Text(f"batch {seen.batch_id}: {_say_batch(seen)}", "cyan") for seen in self.batches.values()]

    @staticmethod
    def _note(text: str) -> Text:
        return Text(f"• {text}", "yellow")


def _remark(line: StepLine) -> Text:
    remarks = []
    if line.reused:
        remarks.append(f"{line.reused} already paid")
    if line.failed:
        remarks.append(f"{line.failed} failed")
    if line.total and line.done >= line.total and not remarks:
        return Text("✓", "green")
    return Text(", ".join(remarks), "red" if line.failed else "green")


def _seen(event: BatchSeen) -> tuple[str, int, int]:
    """What is worth printing when it changes; the expected finish changes with every poll."""
    return event.status, event.completed, event.failed


def _say_batch(seen: BatchSeen) -> str:
    counts = f", {seen.completed + seen.failed} of {seen.total} done" if seen.total else ""
    failed = f", {seen.failed} failed" if seen.failed else ""
    now = datetime.now(UTC)
    pace = f", about {humanize.naturaldelta(seen.expected - now)} left at this pace" if seen.expected else ""
    left = seen.deadline - now
    wait = f"; falls back to real time after {say_left(left)}" if left.total_seconds() > 60 else ""
    return f"{seen.status}{counts}{failed}{pace}{wait if seen.status in RUNNING else ''}"


def summary(result: BuildResult) -> Text:
    """The summary of a run: where to look, what it cost, what is missing."""
    saved = result.realtime_usd - result.cost_usd
    lines = [
        f"preview   {result.links.preview}",
        f"bundle    {result.bundle}",
        f"costs     {result.links.report}",
        f"spent     {_spent(result)}",
    ]
    if result.unknown_usd:
        lines.append(f"          up to {usd(result.unknown_usd)} of it is unknown: calls without usable token counts")
    lines.append(f"saved     {usd(saved)} compared with {usd(result.realtime_usd)} in real time")
    if result.warnings:
        lines.append(f"to check  {_notes(result.warnings)} for the editor, in the preview")
    lines += [f"missing   {item.step} {item.item}: {item.reason}" for item in result.missing]
    if any(item.reason.startswith(NOT_SENT) for item in result.missing):
        lines.append("          raise --max-cost and run again to request only what the cap had no room for")
    elif result.missing:
        lines.append("          run the same command again to request only what is missing")
    word = "complete" if result.complete else "INCOMPLETE"
    mark = "SIMULATED  " if result.simulated else ""
    colour = "green" if result.complete else "red"
    return Text.assemble((f"\n{mark}{result.slug} is {word}\n", f"bold {colour}"), "\n".join(lines))


def _notes(count: int) -> str:
    return "1 note" if count == 1 else f"{count} notes"


def _spent(result: BuildResult) -> str:
    now = usd(result.cost_usd - result.reused_usd)
    earlier = f", {usd(result.reused_usd)} in earlier runs" if result.reused_usd else ""
    cost = f"{now} in this run{earlier}"
    return f"nothing: SIMULATED; it would have been {cost}" if result.simulated else cost
