"""The terminal's view of a run: one row a step, the batch, the time and the money so far.

Invariant: the screen only draws what it was told; it asks nobody, so it can neither slow a run down nor fail it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pressrun.calls import Answer, Call, Route, StepName
from pressrun.durations import say_duration
from pressrun.progress import BatchSeen, CallDone, Event, Note, RoutesChosen, StepStarted
from pressrun.steps import STEPS
from pressrun.strategy import StepRoute

__all__ = ["Screen"]


@dataclass
class StepLine:
    """One step's row."""

    total: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0


@dataclass
class Screen:
    """Collects events (from any thread) and draws them; on a pipe it prints a line for what matters instead."""

    title: str
    console: Console
    cost: Callable[[Call, Answer], Decimal]
    """USD that an answer costs."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    routes: dict[StepName, StepRoute] = field(default_factory=dict)
    steps: dict[StepName, StepLine] = field(default_factory=dict)
    batches: dict[str, BatchSeen] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    spent: Decimal = Decimal(0)
    simulated: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def see(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            line = self._take(event)
        if line and not self.console.is_terminal:
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _take(self, event: Event) -> str | None:
        """Update the state; returns the line that a pipe is told, if any."""
        match event:
            case RoutesChosen():
                self.simulated = event.simulated
                self.routes = {route.step: route for route in event.routes}
                routes = ", ".join(f"{route.step} {route.route}" for route in event.routes)
                return f"{'SIMULATED: ' if event.simulated else ''}{routes}"
            case StepStarted():
                self.steps.setdefault(event.step, StepLine()).total += event.calls
                return f"{STEPS[event.step].title}: {event.calls} {'call' if event.calls == 1 else 'calls'}"
            case CallDone():
                return self._count(event)
            case BatchSeen():
                before = self.batches.get(event.batch_id)
                self.batches[event.batch_id] = event
                return None if before == event else f"batch {event.batch_id}: {_say_batch(event)}"
            case Note():
                self.notes.append(event.text)
                return event.text

    def _count(self, event: CallDone) -> str | None:
        line = self.steps.setdefault(event.call.step, StepLine())
        if event.answer.retryable:
            return None
        line.done += 1
        line.reused += event.reused
        line.failed += event.answer.error is not None
        if not event.reused:
            self.spent += self.cost(event.call, event.answer)
        if line.done != line.total:
            return None
        return f"{STEPS[event.call.step].title}: {line.done} of {line.total} done"

    def __rich__(self) -> RenderableType:
        with self._lock:
            return Group(self._heading(), self._table(), *self._batch_lines(), *map(self._note, self.notes[-4:]))

    def _heading(self) -> Text:
        elapsed = int((datetime.now(UTC) - self.started).total_seconds())
        text = Text.assemble(
            (self.title, "bold"), f"   {elapsed // 60}:{elapsed % 60:02d}   ", (f"${self.spent:.4f}", "bold green")
        )
        return text.append("   SIMULATED", "bold magenta") if self.simulated else text

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("step", "route", "done", "", "why"):
            table.add_column(name, justify="right" if name == "done" else "left", no_wrap=name != "why")
        for step, route in self.routes.items():
            line = self.steps.get(step, StepLine())
            style = "" if line.total else "dim"
            colour = "cyan" if route.route is Route.BATCH else "yellow"
            counts = f"{line.done}/{line.total}" if line.total else "-"
            table.add_row(
                Text(STEPS[step].title, style),
                Text(route.route, colour if line.total else "dim"),
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


def _say_batch(seen: BatchSeen) -> str:
    counts = f", {seen.completed + seen.failed} of {seen.total} done" if seen.total else ""
    failed = f", {seen.failed} failed" if seen.failed else ""
    left = seen.deadline - datetime.now(UTC)
    wait = f"; real time in {say_duration(left)} at the latest" if left.total_seconds() > 60 else ""
    return f"{seen.status}{counts}{failed}{wait if seen.status in ('validating', 'in_progress', 'finalizing') else ''}"
