"""The ledger compared with the provider's own figures.

Invariant: two figures match only when they are equal; what an export does not distinguish (models, batch or not) is not
distinguished in the ledger either.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from enum import StrEnum

from pressrun.calls import Route
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.usage_export import Export, Figures, Key, summed
from pressrun.models import undated

__all__ = ["SIMULATED", "Line", "Outcome", "Reconciliation", "reconcile"]

SIMULATED = "simulated"
FLOAT_NOISE = Decimal("1e-9")
"""USD. The provider reports amounts as floats; one cached token of the cheapest batch costs five times this."""


class Outcome(StrEnum):
    """How the two sides of a line compare."""

    MATCHED = "matched"
    DIFFERENT = "difference"
    ONLY_LEDGER = "unmatched: only in the ledger"
    ONLY_EXPORT = "unmatched: only in the export"


@dataclass(frozen=True, kw_only=True)
class Line:
    """The two sides of one key; a side without figures is empty."""

    key: Key
    ledger: Figures
    export: Figures

    @property
    def off(self) -> Figures:
        """The ledger minus the export."""
        names = dict.fromkeys([*self.ledger, *self.export])
        return {name: self.ledger.get(name, Decimal(0)) - self.export.get(name, Decimal(0)) for name in names}

    @property
    def outcome(self) -> Outcome:
        if all(abs(off) <= (FLOAT_NOISE if name == "usd" else 0) for name, off in self.off.items()):
            return Outcome.MATCHED
        if not self.export:
            return Outcome.ONLY_LEDGER
        return Outcome.DIFFERENT if self.ledger else Outcome.ONLY_EXPORT


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The ledger and an export side by side."""

    export: Export
    days: tuple[Line, ...]
    period: tuple[Line, ...]
    """By model and route over the whole period. The verdict is based on these, because the provider counts a batch when
    it ran, and the ledger when its answers were collected."""
    total: Line
    left_out: Mapping[str, int]
    """Calls in the period that were not compared: `SIMULATED`, or keyed by the address of another provider."""

    @property
    def agrees(self) -> bool:
        return all(line.outcome is Outcome.MATCHED for line in self.period)

    def evens_out(self, line: Line) -> bool:
        """Whether a day's line does not match, although the period's line for the same model and route does."""
        unsettled = {one.key for one in self.period if one.outcome is not Outcome.MATCHED}
        return line.outcome is not Outcome.MATCHED and line.key._replace(day=None) not in unsettled


def reconcile(export: Export, rows: Iterable[LedgerRow], *, provider: str) -> Reconciliation:
    """Compare the payments to one provider (its address) with its export; rows outside the period do not count.

    A failed call was not billed, so neither side counts it.
    """
    left_out: Counter[str] = Counter()
    paid = summed(_payments(export, rows, provider.rstrip("/"), left_out), export.blind)
    ours, theirs = (summed(side.items(), Key()._asdict()).get(Key(), {}) for side in (paid, export.counted))
    return Reconciliation(
        export=export,
        days=_lines(paid, export.counted),
        period=_lines(*(summed(side.items(), {"day": None}) for side in (paid, export.counted))),
        total=Line(key=Key(), ledger=ours, export=theirs),
        left_out=left_out,
    )


def _payments(
    export: Export, rows: Iterable[LedgerRow], provider: str, left_out: Counter[str]
) -> Iterator[tuple[Key, Figures]]:
    for row in rows:
        if row.status is CallStatus.FAILED or not export.since <= row.answered_at < export.until:
            continue
        if row.simulated or row.provider.rstrip("/") != provider:
            left_out[SIMULATED if row.simulated else row.provider] += 1
            continue
        tokens = {name: Decimal(getattr(row.usage, name)) for name in ("input", "cached", "output")}
        figures = {"requests": Decimal(1), "usd": row.cost_usd, **tokens}
        key = Key(row.answered_at.astimezone(UTC).date(), undated(row.model), row.route is Route.BATCH)
        yield key, {name: figures[name] for name in export.measures}


def _lines(ledger: Mapping[Key, Figures], export: Mapping[Key, Figures]) -> tuple[Line, ...]:
    """Both sides of every key that occurs on either; a side with only zeros counts as empty."""
    ours, theirs = ({key: one for key, one in side.items() if any(one.values())} for side in (ledger, export))
    keys = sorted({*ours, *theirs}, key=lambda key: (str(key.day), key.model, bool(key.batch)))
    return tuple(Line(key=key, ledger=ours.get(key, {}), export=theirs.get(key, {})) for key in keys)
