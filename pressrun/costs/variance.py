"""Why a step's cost differs from its forecast, computed from the rows.

Invariant: the causes of a step add up exactly to its actual cost minus its forecast.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

import pandas as pd

from pressrun.calls import StepName
from pressrun.costs.forecast import Forecast
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.money import share
from pressrun.prices import Tier

__all__ = ["CAUSES", "EXACT", "SERVED", "StepVariance", "count_words", "variance_table"]

CAUSES = ["unforeseen_usd", "usage_usd", "route_usd", "calls_usd"]
EXACT = Context(prec=100)
"""The causes must add up whatever the estimates are, even with more digits than the default context keeps."""
SERVED = {Tier.BATCH: "batch", Tier.FLEX: "flex", Tier.STANDARD: "real time", Tier.PRIORITY: "priority"}
"""The routes that can have served a call, as shown to people and in the order of the report."""
COUNTS = ["unforeseen_calls", "rerouted_calls", "unanswered_calls"]
COLUMNS = ["forecast_usd", "actual_usd", "variance_usd", "variance_percent", *CAUSES, *COUNTS, "rerouted"]


@dataclass
class StepVariance:
    """The rows of one step, summed by cause."""

    actual_usd: Decimal = Decimal(0)
    unforeseen_calls: int = 0
    unforeseen_usd: Decimal = Decimal(0)
    answered_calls: int = 0
    """Planned calls that were answered."""
    expected_usd: Decimal = Decimal(0)
    """The expected cost of those calls."""
    planned_usd: Decimal = Decimal(0)
    """What they would have cost on the route planned for them."""
    rerouted: Counter[Tier] = field(default_factory=Counter)
    """The calls among those that were served at another tier than planned."""

    def add(self, row: LedgerRow) -> None:
        self.actual_usd += row.cost_usd
        planned = row.estimate.tier
        if planned is None:
            self.unforeseen_calls += 1
            self.unforeseen_usd += row.cost_usd
            return
        self.planned_usd += row.planned_usd
        if row.status is CallStatus.FAILED:
            return
        self.answered_calls += 1
        self.expected_usd = EXACT.add(self.expected_usd, row.estimate.usd)
        if row.tier is not planned:
            self.rerouted[row.tier] += 1


def variance_table(sums: Mapping[StepName, StepVariance], forecast: Forecast | None) -> pd.DataFrame:
    """A row for each step that was forecast or made calls; a step missing on one side counts as 0 there.

    Columns: forecast_usd, actual_usd, variance_usd, variance_percent; the causes, which add up to variance_usd:
    unforeseen_usd (unplanned calls, such as repairs), usage_usd (token usage that differs from the estimate), route_usd
    (routes that differ from the plan), calls_usd (planned calls that were not answered, additional calls, or calls
    whose expected cost changed between the forecast and the request); and the number of calls behind them:
    unforeseen_calls, rerouted_calls with rerouted (text: the routes), unanswered_calls.
    """
    if forecast is None:
        return pd.DataFrame(columns=COLUMNS)
    expected = forecast.by_step
    calls: Counter[StepName] = Counter()
    for one in forecast.lines:
        calls[one.line.step] += one.line.calls
    steps = [step for step in StepName if step in expected or step in sums]
    rows = [_row(sums.get(step, StepVariance()), expected.get(step, Decimal(0)), calls[step]) for step in steps]
    table = pd.DataFrame(index=pd.Index([step.value for step in steps], name="step"))
    for name in COLUMNS:
        kind = "int64" if name in COUNTS else object
        table[name] = pd.Series([row[name] for row in rows], index=table.index, dtype=kind)
    return table


def _row(sums: StepVariance, expected: Decimal, calls: int) -> dict[str, Any]:
    off = EXACT.subtract(sums.actual_usd, expected)
    return {
        "forecast_usd": expected,
        "actual_usd": sums.actual_usd,
        "variance_usd": off,
        "variance_percent": share(off, expected),
        "unforeseen_usd": sums.unforeseen_usd,
        "usage_usd": EXACT.subtract(sums.planned_usd, sums.expected_usd),
        "route_usd": sums.actual_usd - sums.unforeseen_usd - sums.planned_usd,
        "calls_usd": EXACT.subtract(sums.expected_usd, expected),
        "unforeseen_calls": sums.unforeseen_calls,
        "rerouted_calls": sums.rerouted.total(),
        "unanswered_calls": calls - sums.answered_calls,
        "rerouted": count_words(sums.rerouted),
    }


def count_words(counts: Counter[Tier]) -> str:
    """`batch`, or `batch 9, real time 1` when there was more than one route."""
    if len(counts) == 1:
        return SERVED[next(iter(counts))]
    return ", ".join(f"{SERVED[tier]} {count}" for tier, count in counts.most_common())
