"""What past runs teach about the next: how many tokens calls really took, beside what was estimated, and how long.

Invariant: a lesson is a ratio of sums over whole runs of the same step and model, repairs included; whoever reads the
ledger for it takes the rows of one provider, so a simulator teaches nothing about a model.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from pydantic import Field, NonNegativeInt

from pressrun.calls import Frozen, Route, StepName, Usage
from pressrun.costs.ledger import CallStatus, LedgerRow

__all__ = ["NO_LESSONS", "Lesson", "Lessons", "Spread", "learn"]

RUNS = 20
"""The latest runs that count: prompts and models change."""
ENOUGH = 3
"""Runs from which on their own spread is believed."""
DOUBT = 0.15
"""What the range of fewer runs is widened by on either side."""


class Spread(Frozen):
    """A factor on an estimate: what is likely, and between what it lies."""

    expected: float
    low: float
    high: float


class Lesson(Frozen):
    """What to make of an estimate."""

    runs: NonNegativeInt
    """Past runs that it was learned from; 0 when nobody has learned anything yet."""
    input: Spread
    output: Spread
    cached_share: float = 0.0
    """The part of the input that the prompt cache served."""

    def usage(self, estimate: Usage, which: str) -> Usage:
        """The `expected`, `low` or `high` usage for an estimate."""
        into = round(estimate.input * getattr(self.input, which))
        out = round(estimate.output * getattr(self.output, which))
        # At worst the cache serves nothing.
        cached = 0 if which == "high" else round(into * self.cached_share)
        return Usage(input=into, cached=cached, output=out, output_image=out if estimate.output_image else 0)


UNTAUGHT = Lesson(
    runs=0,
    input=Spread(expected=1.0, low=0.8, high=1.25),
    output=Spread(expected=1.0, low=0.6, high=1.6),
)
"""For text: lengths that writers were asked for leave about this much room."""
UNTAUGHT_IMAGES = Lesson(
    runs=0,
    input=Spread(expected=1.0, low=0.8, high=1.25),
    output=Spread(expected=1.0, low=0.66, high=1.1),
)
"""For images, estimated as if all were oblong: squares take two thirds of it."""


def _key(step: StepName, model: str, language: str = "") -> str:
    """One text, so that lessons can be kept as JSON; without a language: what was learned from all of them."""
    return f"{step} {model} {language}"


class Lessons(Frozen):
    """Everything learned, by step, model and language."""

    by_key: dict[str, Lesson] = Field(default_factory=dict)
    """By step, model and language."""
    by_route: dict[str, float] = Field(default_factory=dict)
    """Seconds that a call of a step took to be answered on a route, in the middle; for a batch, from its creation."""

    def seconds(self, step: StepName, route: Route) -> float | None:
        """How long a call took to be answered; None when none was."""
        return self.by_route.get(f"{step} {route}")

    def of(self, step: StepName, model: str, language: str) -> Lesson:
        """The most fitting lesson: of the same language, of any, or what is believed without any."""
        untaught = UNTAUGHT_IMAGES if step is StepName.IMAGES else UNTAUGHT
        found = self.by_key.get(_key(step, model, language)) or self.by_key.get(_key(step, model))
        return found or untaught


NO_LESSONS = Lessons()


@dataclass
class RunSums:
    """The calls of one step in one run, added up."""

    last: str = ""
    estimated_input: int = 0
    estimated_output: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0

    def add(self, row: LedgerRow) -> None:
        self.last = max(self.last, row.answered_at.isoformat())
        self.estimated_input += row.estimate.input_tokens
        self.estimated_output += row.estimate.output_tokens
        self.input += row.usage.input
        self.cached += row.usage.cached
        self.output += row.usage.output


@dataclass
class Seen:
    """All that goes into the lessons."""

    runs: dict[str, dict[str, RunSums]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(RunSums)))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def learn(rows: Iterable[LedgerRow]) -> Lessons:
    """The lessons of a ledger."""
    seen = Seen()
    for row in rows:
        if row.status is CallStatus.FAILED:
            continue
        for language in (row.language, ""):
            seen.runs[_key(row.step, row.model, language)][row.run_id].add(row)
        if row.asked_at:
            seen.seconds[f"{row.step} {row.route}"].append((row.answered_at - row.asked_at).total_seconds())
    lessons = {key: _lesson(runs) for key, runs in seen.runs.items()}
    return Lessons(
        by_key={key: lesson for key, lesson in lessons.items() if lesson},
        by_route={key: median(seconds) for key, seconds in seen.seconds.items()},
    )


def _lesson(runs: Mapping[str, RunSums]) -> Lesson | None:
    """None when no run has an estimate to compare with (they were entered by an earlier version)."""
    known = [sums for sums in runs.values() if sums.estimated_input and sums.estimated_output]
    latest = sorted(known, key=lambda sums: sums.last)[-RUNS:]
    if not latest:
        return None
    into = sum(sums.input for sums in latest)
    return Lesson(
        runs=len(latest),
        input=_spread([(sums.input, sums.estimated_input) for sums in latest]),
        output=_spread([(sums.output, sums.estimated_output) for sums in latest]),
        cached_share=sum(sums.cached for sums in latest) / into if into else 0.0,
    )


def _spread(pairs: list[tuple[int, int]]) -> Spread:
    factors = [actual / estimated for actual, estimated in pairs]
    doubt = DOUBT if len(pairs) < ENOUGH else 0.0
    return Spread(
        expected=sum(actual for actual, _ in pairs) / sum(estimated for _, estimated in pairs),
        low=min(factors) * (1 - doubt),
        high=max(factors) * (1 + doubt),
    )
