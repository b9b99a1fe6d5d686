"""The report: ledger rows summed by step, route and model, beside what was forecast.

Invariant: totals are sums of `Decimal` objects and equal the rows exactly; no float and no blended rate comes near.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

import pandas as pd

from pressrun.calls import StepName
from pressrun.costs.forecast import Forecast
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.money import share
from pressrun.costs.variance import SERVED, StepVariance, count_words, variance_table
from pressrun.prices import Tier

__all__ = ["LINE", "CostReport", "cost_report"]

COUNTS = ["calls", "failed", "invalid", "reused", "input", "cached", "output"]
MONEY = ["usd", "realtime_usd"]
LINE = ["step", "route", "model"]
Line = tuple[StepName, Tier, str]
"""What is summed apart: a step by a route on a model."""


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """What the calls of one or more sites cost, in USD.

    The frames that break it up have the columns calls, failed, invalid, reused (calls), input, cached, output (tokens),
    usd, realtime_usd, saving_usd, saving_percent (Decimal).
    """

    by_step: pd.DataFrame
    """A row for each step that made calls, in the pipeline's order; also served (text: by which routes)."""
    by_route: pd.DataFrame
    """A row for each route that served calls: batch, flex, real time, priority."""
    by_model: pd.DataFrame
    """A row for each model, the dearest first."""
    by_line: pd.DataFrame
    """A row for each step, route and model that occur together, the dearest first."""
    variance: pd.DataFrame
    """Forecast beside actual by step with the causes of the difference (see `variance_table`); empty without a
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
    lines: dict[Line, Sums] = defaultdict(Sums)
    variances: dict[StepName, StepVariance] = defaultdict(StepVariance)
    sites: set[str] = set()
    sources: set[str] = set()
    for row in rows:
        lines[row.step, row.tier, row.model].add(row)
        variances[row.step].add(row)
        sites.add(row.site)
        sources.add(row.price_source)
    every = list(lines.values())
    return CostReport(
        by_step=_by_step(lines),
        by_route=_by_route(lines),
        by_model=_by_model(lines),
        by_line=_by_line(lines),
        variance=variance_table(variances, forecast),
        total=_sum(one.usd for one in every),
        realtime_total=_sum(one.realtime_usd for one in every),
        reused=_sum(one.reused_usd for one in every),
        reused_calls=sum(one.reused for one in every),
        invalid=_sum(one.invalid_usd for one in every),
        sites=len(sites),
        sites_per_year=sites_per_year,
        price_sources=sorted(sources),
    )


@dataclass
class Sums:
    """Some of the rows, added up."""

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

    def add(self, row: LedgerRow) -> None:
        self.calls += 1
        self.failed += row.status is CallStatus.FAILED
        self.input += row.usage.input
        self.cached += row.usage.cached
        self.output += row.usage.output
        self.usd += row.cost_usd
        self.realtime_usd += row.realtime_usd
        if row.status is CallStatus.INVALID:
            self.invalid += 1
            self.invalid_usd += row.cost_usd
        if row.reused:
            self.reused += 1
            self.reused_usd += row.cost_usd


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _by_step(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    groups = _grouped(lines, 0)
    steps = [step for step in StepName if step in groups]
    table = _frame(pd.Index([step.value for step in steps], name="step"), [groups[step] for step in steps])
    table["served"] = [_served(lines, step) for step in steps]
    return table


def _by_route(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    groups = _grouped(lines, 1)
    tiers = [tier for tier in SERVED if tier in groups]
    return _frame(pd.Index([SERVED[tier] for tier in tiers], name="route"), [groups[tier] for tier in tiers])


def _by_model(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    groups = _grouped(lines, 2)
    dearest = sorted(groups, key=lambda model: (-groups[model].usd, model))
    return _frame(pd.Index(dearest, name="model"), [groups[model] for model in dearest])


def _by_line(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    dearest = sorted(lines, key=lambda line: (-lines[line].usd, *map(str, line)))
    names = [[step.value for step, _, _ in dearest], [SERVED[tier] for _, tier, _ in dearest], [m for *_, m in dearest]]
    return _frame(pd.MultiIndex.from_arrays(names, names=LINE), [lines[line] for line in dearest])


def _grouped(lines: Mapping[Line, Sums], part: int) -> dict[Any, Sums]:
    """The sums of the lines that have the same step (part 0), route (1) or model (2)."""
    groups: dict[Any, list[Sums]] = defaultdict(list)
    for line, sums in lines.items():
        groups[line[part]].append(sums)
    return {name: _together(group) for name, group in groups.items()}


def _together(parts: Sequence[Sums]) -> Sums:
    return Sums(**{one.name: sum(getattr(part, one.name) for part in parts) for one in fields(Sums)})


def _served(lines: Mapping[Line, Sums], step: StepName) -> str:
    counts: Counter[Tier] = Counter()
    for (its_step, tier, _), sums in lines.items():
        if its_step is step:
            counts[tier] += sums.calls
    return count_words(counts)


def _frame(index: "pd.Index[Any]", sums: Sequence[Sums]) -> pd.DataFrame:
    table = pd.DataFrame(index=index)
    for name in COUNTS:
        table[name] = pd.Series([getattr(one, name) for one in sums], index=index, dtype="int64")
    for name in MONEY:
        table[name] = pd.Series([getattr(one, name) for one in sums], index=index, dtype=object)
    table["saving_usd"] = table["realtime_usd"] - table["usd"]
    shares = [share(saving, whole) for saving, whole in zip(table["saving_usd"], table["realtime_usd"], strict=True)]
    table["saving_percent"] = pd.Series(shares, index=index, dtype=object)
    return table
