"""The forecast: what a plan will cost, on the chosen routes and on every other tier, before anything is spent.

Invariant: a forecast exists only when every step has a price on its own route; it is never made up of part of a plan.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import NonNegativeInt, model_validator

from pressrun.calls import Frozen, Route, StepName, Usage
from pressrun.errors import UnknownPrice
from pressrun.prices import PriceTable, Tier, UnitPrices, unit_prices

__all__ = ["Forecast", "ForecastLine", "LineForecast", "forecast_costs"]

ROUTE_TIERS = {Route.REALTIME: Tier.STANDARD, Route.FLEX: Tier.FLEX, Route.BATCH: Tier.BATCH}


class ForecastLine(Frozen):
    """What a step is expected to use on a route and model. Tokens are totals over all its calls."""

    step: StepName
    route: Route
    model: str
    calls: NonNegativeInt
    input_tokens: NonNegativeInt
    output_tokens: NonNegativeInt
    """Reasoning and image tokens included."""
    image_output_tokens: NonNegativeInt = 0
    """The part of `output_tokens` that is image."""

    @model_validator(mode="after")
    def _image_is_part_of_output(self) -> Self:
        if self.image_output_tokens > self.output_tokens:
            raise ValueError("image_output_tokens is a part of output_tokens and cannot exceed it")
        return self


class LineForecast(Frozen):
    """A line with its cost (USD) on its own route and on every tier that has a price for its model."""

    line: ForecastLine
    usd: Decimal
    usd_by_tier: dict[Tier, Decimal]
    """Standard, and batch and flex where they have a price."""
    price_source: str

    @property
    def realtime_usd(self) -> Decimal:
        return self.usd_by_tier[Tier.STANDARD]


class Forecast(Frozen):
    """What a plan is expected to cost, in USD."""

    lines: list[LineForecast]

    @property
    def total(self) -> Decimal:
        return sum((line.usd for line in self.lines), Decimal(0))

    @property
    def realtime_total(self) -> Decimal:
        """The baseline: the same calls asked in real time."""
        return sum((line.realtime_usd for line in self.lines), Decimal(0))

    @property
    def saving(self) -> Decimal:
        """Against asking the same in real time."""
        return self.realtime_total - self.total

    @property
    def by_step(self) -> dict[StepName, Decimal]:
        totals: dict[StepName, Decimal] = {}
        for line in self.lines:
            totals[line.line.step] = totals.get(line.line.step, Decimal(0)) + line.usd
        return totals


def forecast_costs(lines: Iterable[ForecastLine], at: datetime, table: PriceTable | None = None) -> Forecast:
    """Price the lines as of `at` (aware UTC). Raises `UnknownPrice` when a line's own route has no price."""
    return Forecast(lines=[_forecast(line, at, table) for line in lines])


def _forecast(line: ForecastLine, at: datetime, table: PriceTable | None) -> LineForecast:
    own = unit_prices(line.model, ROUTE_TIERS[line.route], at, table)
    prices = {tier: _try_prices(line.model, tier, at, table) for tier in (Tier.BATCH, Tier.FLEX)}
    prices = {Tier.STANDARD: unit_prices(line.model, Tier.STANDARD, at, table), **prices}
    return LineForecast(
        line=line,
        usd=_cost(line, own),
        usd_by_tier={tier: _cost(line, unit) for tier, unit in prices.items() if unit},
        price_source=own.source,
    )


def _try_prices(model: str, tier: Tier, at: datetime, table: PriceTable | None) -> UnitPrices | None:
    """A tier that was not chosen may be without a price: then it is left out of the comparison."""
    try:
        return unit_prices(model, tier, at, table)
    except UnknownPrice:
        return None


def _cost(line: ForecastLine, prices: UnitPrices) -> Decimal:
    """The calls are taken to be equally long, which is what decides on the rates for long prompts."""
    usage = Usage(input=line.input_tokens, output=line.output_tokens, output_image=line.image_output_tokens)
    return prices.at_length(-(-line.input_tokens // max(line.calls, 1))).cost(usage)
