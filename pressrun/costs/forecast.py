"""The forecast: what a plan will cost, on the chosen routes and on every other tier, before anything is spent.

Invariant: a forecast exists only when every step has a price on its own route; it never covers only part of a plan.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import NonNegativeInt, model_validator

from pressrun.calls import Route, StepName, Usage
from pressrun.errors import UnknownPrice
from pressrun.frozen import Frozen
from pressrun.prices import AT_OPENAI, Tariff, Tier, UnitPrices, unit_prices
from pressrun.pricetable import Rates

__all__ = ["Forecast", "ForecastLine", "LineForecast", "forecast_costs"]

ROUTE_TIERS = {Route.REALTIME: Tier.STANDARD, Route.FLEX: Tier.FLEX, Route.BATCH: Tier.BATCH}


class ForecastLine(Frozen):
    """What a step is expected to use on a route and model. Tokens are totals over all its calls."""

    step: StepName
    route: Route
    model: str
    calls: NonNegativeInt
    """Requests."""
    items: NonNegativeInt = 0
    """Items requested; a packed request asks for several."""
    input_tokens: NonNegativeInt
    cached_tokens: NonNegativeInt = 0
    """The part of `input_tokens` that the prompt cache is expected to serve."""
    output_tokens: NonNegativeInt
    """Reasoning and image tokens included."""
    image_output_tokens: NonNegativeInt = 0
    """The part of `output_tokens` that is image tokens."""
    low: Usage | None = None
    """The low end of the range; None when no range is known."""
    high: Usage | None = None
    runs: NonNegativeInt = 0
    """Past runs that the figures are based on; 0 means they are estimates."""

    @property
    def usage(self) -> Usage:
        """The expected usage of all calls together."""
        return Usage(
            input=self.input_tokens,
            cached=self.cached_tokens,
            output=self.output_tokens,
            output_image=self.image_output_tokens,
        )

    def share(self, number: int) -> Usage:
        """The expected usage of one call, counted from 0: whole tokens, which add up to the line."""
        parts = dict(self.usage)
        count = self.calls
        return Usage(
            **{name: tokens * (number + 1) // count - tokens * number // count for name, tokens in parts.items()}
        )

    @model_validator(mode="after")
    def _image_is_part_of_output(self) -> Self:
        if self.image_output_tokens > self.output_tokens:
            raise ValueError("image_output_tokens is a part of output_tokens and cannot exceed it")
        return self


class LineForecast(Frozen):
    """A line with its cost (USD) on its own route and on every tier that has a price for the model."""

    line: ForecastLine
    usd: Decimal
    usd_by_tier: dict[Tier, Decimal]
    """Standard, and batch and flex where they have a price."""
    low_usd: Decimal
    high_usd: Decimal
    rates: Rates
    """USD per 1M tokens on its own route."""
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
    def low(self) -> Decimal:
        """The low end of the range."""
        return sum((line.low_usd for line in self.lines), Decimal(0))

    @property
    def high(self) -> Decimal:
        """The high end of the range, if all calls are served as planned."""
        return sum((line.high_usd for line in self.lines), Decimal(0))

    @property
    def is_learned(self) -> bool:
        """Whether every line is based on past runs."""
        return bool(self.lines) and all(line.line.runs for line in self.lines)

    def line(self, step: StepName) -> LineForecast:
        """The line of one step."""
        return next(line for line in self.lines if line.line.step is step)

    @property
    def realtime_total(self) -> Decimal:
        """The baseline: the same calls asked in real time."""
        return sum((line.realtime_usd for line in self.lines), Decimal(0))

    @property
    def saving(self) -> Decimal:
        """Compared with real time."""
        return self.realtime_total - self.total

    @property
    def by_step(self) -> dict[StepName, Decimal]:
        totals: dict[StepName, Decimal] = {}
        for line in self.lines:
            totals[line.line.step] = totals.get(line.line.step, Decimal(0)) + line.usd
        return totals


def forecast_costs(lines: Iterable[ForecastLine], at: datetime, tariff: Tariff = AT_OPENAI) -> Forecast:
    """Price the lines as of `at` (aware UTC). Raises `UnknownPrice` when a line's own route has no price."""
    return Forecast(lines=[_forecast(line, at, tariff) for line in lines])


def _forecast(line: ForecastLine, at: datetime, tariff: Tariff) -> LineForecast:
    own = unit_prices(line.model, ROUTE_TIERS[line.route], at, tariff)
    prices = {tier: _try_prices(line.model, tier, at, tariff) for tier in (Tier.BATCH, Tier.FLEX)}
    prices = {Tier.STANDARD: unit_prices(line.model, Tier.STANDARD, at, tariff), **prices}
    rates = _rates(line, own)
    return LineForecast(
        line=line,
        usd=rates.cost(line.usage),
        usd_by_tier={tier: _rates(line, unit).cost(line.usage) for tier, unit in prices.items() if unit},
        low_usd=rates.cost(line.low or line.usage),
        high_usd=rates.cost(line.high or line.usage),
        rates=Rates(**{name: getattr(rates, name) for name in Rates.model_fields}),
        price_source=own.source,
    )


def _try_prices(model: str, tier: Tier, at: datetime, tariff: Tariff) -> UnitPrices | None:
    """A tier that was not chosen may have no price; it is then left out of the comparison."""
    try:
        return unit_prices(model, tier, at, tariff)
    except UnknownPrice:
        return None


def _rates(line: ForecastLine, prices: UnitPrices) -> Rates:
    """Rates for long prompts depend on the length of a call, so the calls are assumed to be equally long."""
    return prices.at_length(-(-line.input_tokens // max(line.calls, 1)))
