"""The report: ledger rows summed by step, beside what was forecast.

Invariant: totals are sums of `Decimal` objects and equal the rows exactly; no float and no blended rate comes near.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    rows: Iterable[LedgerRow], forecast: Forecast | None = None, *, sites_per_year: int = 100
) -> CostReport:
    """Sum the ledger, going through it once: what is held is sums, so the rows may be a stream.

    Rows that an earlier run paid for count in every figure and are told apart in `reused`.
    """
    sums: dict[StepName, StepSums] = defaultdict(StepSums)
    sites: set[str] = set()
    sources: set[str] = set()
    for row in rows:
        sums[row.step].add(row)
        sites.add(row.site)
        sources.add(row.price_source)
    by_step = _by_step(sums)
    return CostReport(
        by_step=by_step,
        variance=_variance(by_step, forecast),
        total=_sum(by_step["usd"]),
        realtime_total=_sum(by_step["realtime_usd"]),
        reused=_sum(step.reused_usd for step in sums.values()),
        reused_calls=sum(step.reused for step in sums.values()),
        invalid=_sum(step.invalid_usd for step in sums.values()),
        sites=len(sites),
        sites_per_year=sites_per_year,
        price_sources=sorted(sources),
    )


@dataclass
class StepSums:
    """The rows of one step, added up."""

    calls: int = 0
    failed: int = 0
    invalid: int = 0
    reused: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    usd: Decimal = Decimal(0)
    realtime_usd: Decimal = Decimal(0)
    reused_usd: Decimal = Decimal(0)
    invalid_usd: Decimal = Decimal(0)
    served: Counter[str] = field(default_factory=Counter)

    def add(self, row: LedgerRow) -> None:
        self.calls += 1
        self.failed += row.status is CallStatus.FAILED
        self.input += row.usage.input
        self.cached += row.usage.cached
        self.output += row.usage.output
        self.usd += row.cost_usd
        self.realtime_usd += row.realtime_usd
        self.served["real time" if row.tier is Tier.STANDARD else row.tier.value] += 1
        if row.status is CallStatus.INVALID:
            self.invalid += 1
            self.invalid_usd += row.cost_usd
        if row.reused:
            self.reused += 1
            self.reused_usd += row.cost_usd


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _by_step(sums: Mapping[StepName, StepSums]) -> pd.DataFrame:
    steps = [step for step in StepName if step in sums]
    table = pd.DataFrame(index=pd.Index([step.value for step in steps], name="step"))
    for name in COUNTS:
        table[name] = pd.Series([getattr(sums[step], name) for step in steps], index=table.index, dtype="int64")
    for name in MONEY:
        table[name] = pd.Series([getattr(sums[step], name) for step in steps], index=table.index, dtype=object)
    table["saving_usd"] = table["realtime_usd"] - table["usd"]
    table["saving_percent"] = _shares(table, "saving_usd", "realtime_usd")
    table["served"] = [_count_words(sums[step].served) for step in steps]
    return table


def _count_words(counts: Counter[str]) -> str:
    """`batch`, or `batch 9, real time 1` when a step was served in more than one way."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{word} {count}" for word, count in counts.most_common())


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
