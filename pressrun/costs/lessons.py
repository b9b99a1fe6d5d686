"""What past runs show about the next: actual tokens compared with the estimate, and how long calls took.

Invariant: a lesson is a ratio of sums over whole runs of the same step and model, repairs included. It is learned from
the rows of one provider, so that a simulator never influences a real model's forecast.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from pydantic import Field, NonNegativeInt

from pressrun.calls import Route, StepName, Usage
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.frozen import Frozen

__all__ = ["NO_LESSONS", "Lesson", "Lessons", "Spread", "learn"]

RUNS = 20
"""Only this many latest runs count, because prompts and models change."""
ENOUGH = 3
"""Runs needed before their own spread is used."""
DOUBT = 0.15
"""How much the range is widened on either side when there are fewer."""


class Spread(Frozen):
    """A factor on an estimate: the expected value and its range."""

    expected: float
    low: float
    high: float


class Lesson(Frozen):
    """How to correct an estimate."""

    runs: NonNegativeInt
    """Past runs that it is based on; 0 when there are none yet."""
    input: Spread
    output: Spread
    cached_share: float = 0.0
    """The part of the input that the prompt cache served."""

    def usage(self, estimate: Usage, which: str) -> Usage:
        """The `expected`, `low` or `high` usage for an estimate."""
        into = round(estimate.input * getattr(self.input, which))
        out = round(estimate.output * getattr(self.output, which))
        # In the worst case the cache serves nothing.
        cached = 0 if which == "high" else round(into * self.cached_share)
        return Usage(input=into, cached=cached, output=out, output_image=out if estimate.output_image else 0)


UNTAUGHT = Lesson(
    runs=0,
    input=Spread(expected=1.0, low=0.8, high=1.25),
    output=Spread(expected=1.0, low=0.6, high=1.6),
)
"""For text: the requested lengths allow about this much variation."""
UNTAUGHT_IMAGES = Lesson(
    runs=0,
    input=Spread(expected=1.0, low=0.8, high=1.25),
    output=Spread(expected=1.0, low=0.66, high=1.1),
)
"""For images, estimated as if all were oblong: a square image takes two thirds of the tokens."""


def _key(step: StepName, model: str, language: str = "") -> str:
    """One string, so that lessons can be stored as JSON; without a language, the lesson covers all languages."""
    return f"{step} {model} {language}"


class Lessons(Frozen):
    """Everything learned, by step, model and language."""

    by_key: dict[str, Lesson] = Field(default_factory=dict)
    """By step, model and language."""
    by_route: dict[str, float] = Field(default_factory=dict)
    """Median seconds until a call of a step was answered on a route; for a batch, from its creation."""

    def seconds(self, step: StepName, route: Route) -> float | None:
        """Median time until a call was answered; None when there is no data."""
        return self.by_route.get(f"{step} {route}")

    def of(self, step: StepName, model: str, language: str) -> Lesson:
        """The best matching lesson: for the same language, for any language, or the built-in default."""
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
    """The data that lessons are computed from."""

    runs: dict[str, dict[str, RunSums]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(RunSums)))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def learn(rows: Iterable[LedgerRow]) -> Lessons:
    """The lessons of a ledger."""
    seen = Seen()
    for row in rows:
        if row.status is CallStatus.FAILED or not row.usage_known:
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
    """None when no run has an estimate to compare with (rows written by an earlier version have none)."""
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
