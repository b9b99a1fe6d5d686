"""The report: ledger rows summed by step with pandas, beside what was forecast.

Invariant: totals are sums of `Decimal` objects and equal the rows exactly; no float and no blended rate comes near.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pressrun.calls import StepName
from pressrun.costs.forecast import Forecast
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.money import share
from pressrun.prices import Tier

__all__ = ["CostReport", "cost_report"]

COUNTS = ["calls", "failed", "invalid", "reused", "input", "cached", "output"]
MONEY = ["usd", "realtime_usd"]


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """What the calls of one or more sites cost, in USD."""

    by_step: pd.DataFrame
    """A row for each step that made calls, in the pipeline's order. Columns: calls, failed, invalid, reused (calls),
    input, cached, output (tokens), usd, realtime_usd, saving_usd, saving_percent (Decimal), served (text)."""
    variance: pd.DataFrame
    """Forecast beside actual by step: forecast_usd, actual_usd, variance_usd, variance_percent; empty without a
    forecast."""
    total: Decimal
    """What all calls cost, whichever run paid."""
    realtime_total: Decimal
    """The baseline: the same usage at the standard real-time price."""
    reused: Decimal
    """The part of `total` that earlier runs paid, whose answers were reused."""
    reused_calls: int
    invalid: Decimal
    """The part of `total` that was paid for replies not fit to use."""
    sites: int
    sites_per_year: int
    price_sources: list[str]

    @property
    def paid_now(self) -> Decimal:
        """What this run paid."""
        return self.total - self.reused

    @property
    def saving(self) -> Decimal:
        """Against asking the same in real time."""
        return self.realtime_total - self.total

    @property
    def saving_percent(self) -> Decimal | None:
        return share(self.saving, self.realtime_total)

    @property
    def forecast_total(self) -> Decimal | None:
        return _sum(self.variance["forecast_usd"]) if len(self.variance) else None

    def yearly(self, amount: Decimal) -> Decimal:
        """What `amount`, which is for all sites of the report, comes to in a year of `sites_per_year` such sites."""
        return amount * self.sites_per_year / self.sites if self.sites else Decimal(0)


def cost_report(
    rows: Sequence[LedgerRow], forecast: Forecast | None = None, *, sites_per_year: int = 100
) -> CostReport:
    """Sum the ledger. Rows that an earlier run paid for count in every figure and are told apart in `reused`."""
    by_step = _by_step(rows)
    reused = [row.cost_usd for row in rows if row.reused]
    return CostReport(
        by_step=by_step,
        variance=_variance(by_step, forecast),
        total=_sum(by_step["usd"]),
        realtime_total=_sum(by_step["realtime_usd"]),
        reused=_sum(reused),
        reused_calls=len(reused),
        invalid=_sum(row.cost_usd for row in rows if row.status is CallStatus.INVALID),
        sites=len({row.site for row in rows}),
        sites_per_year=sites_per_year,
        price_sources=sorted({row.price_source for row in rows}),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _by_step(rows: Sequence[LedgerRow]) -> pd.DataFrame:
    frame = pd.DataFrame([_record(row) for row in rows], columns=["step", *COUNTS, *MONEY, "served"])
    groups = frame.groupby("step", sort=False)
    table = groups[COUNTS].sum().astype("int64")
    for column in MONEY:
        table[column] = groups[column].agg(_sum).astype(object)
    table["saving_usd"] = table["realtime_usd"] - table["usd"]
    table["saving_percent"] = _shares(table, "saving_usd", "realtime_usd")
    table["served"] = groups["served"].agg(_count_words)
    return table.reindex([step.value for step in StepName if step in table.index])


def _record(row: LedgerRow) -> dict[str, object]:
    return {
        "step": row.step.value,
        "calls": 1,
        "failed": int(row.status is CallStatus.FAILED),
        "invalid": int(row.status is CallStatus.INVALID),
        "reused": int(row.reused),
        "input": row.usage.input,
        "cached": row.usage.cached,
        "output": row.usage.output,
        "usd": row.cost_usd,
        "realtime_usd": row.realtime_usd,
        "served": "real time" if row.tier is Tier.STANDARD else row.tier.value,
    }


def _count_words(words: "pd.Series[str]") -> str:
    """`batch`, or `batch 9, real time 1` when a step was served in more than one way."""
    counts = words.value_counts()
    return str(counts.index[0]) if len(counts) == 1 else ", ".join(f"{word} {count}" for word, count in counts.items())


def _shares(table: pd.DataFrame, part: str, whole: str) -> "pd.Series[Any]":
    shares = [share(one, other) for one, other in zip(table[part], table[whole], strict=True)]
    return pd.Series(shares, index=table.index, dtype=object)


def _variance(by_step: pd.DataFrame, forecast: Forecast | None) -> pd.DataFrame:
    """Steps that were forecast or made calls; a step missing on one side counts as 0 there."""
    expected = {step.value: amount for step, amount in forecast.by_step.items()} if forecast else {}
    actual = dict(by_step["usd"])
    steps = [step.value for step in StepName if step in expected or step in actual] if forecast else []
    table = pd.DataFrame(index=pd.Index(steps, name="step"))
    table["forecast_usd"] = pd.Series([expected.get(step, Decimal(0)) for step in steps], index=steps, dtype=object)
    table["actual_usd"] = pd.Series([actual.get(step, Decimal(0)) for step in steps], index=steps, dtype=object)
    table["variance_usd"] = table["actual_usd"] - table["forecast_usd"]
    table["variance_percent"] = _shares(table, "variance_usd", "forecast_usd")
    return table
