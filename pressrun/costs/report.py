"""The report: ledger rows summed by step, route and model, compared with the forecast.

Invariant: totals are `Decimal` sums that equal the rows exactly; floats and blended rates are never used.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pressrun.calls import StepName
from pressrun.costs.forecast import Forecast
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.money import share
from pressrun.costs.sums import Sums, frame, together
from pressrun.costs.variance import SERVED, StepVariance, count_words, variance_table
from pressrun.prices import Tier

__all__ = ["LINE", "CostReport", "cost_report"]

COLUMNS = ["calls", "failed", "invalid", "reused", "input", "cached", "output", "usd", "realtime_usd"]
LINE = ["step", "route", "model"]
Line = tuple[StepName, Tier, str]
"""What is summed separately: a step on a route with a model."""


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """What the calls of one or more sites cost, in USD.

    The breakdown frames have the columns calls, failed, invalid, reused (calls), input, cached, output (tokens), usd,
    realtime_usd, saving_usd, saving_percent (Decimal).
    """

    by_step: pd.DataFrame
    """A row for each step that made calls, in the pipeline's order; also served (text: the routes)."""
    by_route: pd.DataFrame
    """A row for each route that served calls: batch, flex, real time, priority."""
    by_model: pd.DataFrame
    """A row for each model, most expensive first."""
    by_line: pd.DataFrame
    """A row for each combination of step, route and model, most expensive first."""
    variance: pd.DataFrame
    """Forecast and actual cost by step with the causes of the difference (see `variance_table`); empty without a
    forecast."""
    total: Decimal
    """What all calls cost, whichever run paid."""
    realtime_total: Decimal
    """The baseline: the same usage at the standard real-time price."""
    reused: Decimal
    """The part of `total` that earlier runs paid for reused answers."""
    reused_calls: int
    invalid: Decimal
    """The part of `total` that was paid for invalid replies."""
    unknown: Decimal
    """The part of `total` that is assumed: the most that calls of unknown usage can have cost."""
    unknown_calls: int
    sites: int
    sites_per_year: int
    price_sources: list[str]

    @property
    def paid_now(self) -> Decimal:
        """What this run paid."""
        return self.total - self.reused

    @property
    def saving(self) -> Decimal:
        """Compared with real time."""
        return self.realtime_total - self.total

    @property
    def saving_percent(self) -> Decimal | None:
        return share(self.saving, self.realtime_total)

    @property
    def forecast_total(self) -> Decimal | None:
        return _sum(self.variance["forecast_usd"]) if len(self.variance) else None

    def yearly(self, amount: Decimal) -> Decimal:
        """`amount`, which covers all sites of the report, scaled to `sites_per_year` such sites."""
        return amount * self.sites_per_year / self.sites if self.sites else Decimal(0)


def cost_report(
    rows: Iterable[LedgerRow], forecast: Forecast | None = None, *, sites_per_year: int = 100
) -> CostReport:
    """Sum the ledger in one pass, holding only sums, so the rows may be a stream.

    Rows that an earlier run paid for count in every figure and are also summed in `reused`.
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
        unknown=_sum(one.unknown_usd for one in every),
        unknown_calls=sum(one.unknown for one in every),
        sites=len(sites),
        sites_per_year=sites_per_year,
        price_sources=sorted(sources),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _by_step(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    groups = _grouped(lines, 0)
    steps = [step for step in StepName if step in groups]
    table = frame(pd.Index([step.value for step in steps], name="step"), [groups[step] for step in steps], COLUMNS)
    table["served"] = [_served(lines, step) for step in steps]
    return table


def _by_route(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    groups = _grouped(lines, 1)
    tiers = [tier for tier in SERVED if tier in groups]
    return frame(pd.Index([SERVED[tier] for tier in tiers], name="route"), [groups[tier] for tier in tiers], COLUMNS)


def _by_model(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    groups = _grouped(lines, 2)
    dearest = sorted(groups, key=lambda model: (-groups[model].usd, model))
    return frame(pd.Index(dearest, name="model"), [groups[model] for model in dearest], COLUMNS)


def _by_line(lines: Mapping[Line, Sums]) -> pd.DataFrame:
    dearest = sorted(lines, key=lambda line: (-lines[line].usd, *map(str, line)))
    names = [[step.value for step, _, _ in dearest], [SERVED[tier] for _, tier, _ in dearest], [m for *_, m in dearest]]
    return frame(pd.MultiIndex.from_arrays(names, names=LINE), [lines[line] for line in dearest], COLUMNS)


def _grouped(lines: Mapping[Line, Sums], part: int) -> dict[Any, Sums]:
    """The sums of the lines that have the same step (part 0), route (1) or model (2)."""
    groups: dict[Any, list[Sums]] = defaultdict(list)
    for line, sums in lines.items():
        groups[line[part]].append(sums)
    return {name: together(group) for name, group in groups.items()}


def _served(lines: Mapping[Line, Sums], step: StepName) -> str:
    counts: Counter[Tier] = Counter()
    for (its_step, tier, _), sums in lines.items():
        if its_step is step:
            counts[tier] += sums.calls
    return count_words(counts)
