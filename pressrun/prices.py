"""What a call costs: exact USD, by model, tier and time.

Invariant: a price is known or it is an error. An unknown price is never 0, and a discount that the price data does not
confirm is never assumed: genai-prices returns the standard price for a context that it does not know, so a tier with
prices identical to standard counts as unknown here.

Sources, in order of precedence: the user's table, genai-prices, our own `prices.json`.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices

from pressrun.calls import Usage
from pressrun.errors import UnknownPrice
from pressrun.pricetable import LongPromptRates, ModelPrices, PriceTable, Tier, TierRates, load_price_table
from pressrun.settings import Settings

__all__ = ["PriceTable", "Tier", "UnitPrices", "known_tiers", "load_price_table", "price", "price_table", "unit_prices"]

CONTEXTS: Mapping[Tier, dict[str, str] | None] = {
    Tier.STANDARD: None,
    Tier.BATCH: {"processing": "batch"},
    Tier.FLEX: {"service_tier": "flex"},
    Tier.PRIORITY: {"service_tier": "priority"},
}
"""The genai-prices context for each tier."""

FIELDS: Mapping[str, str] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "image_input": "input_image_mtok",
    "cached_image_input": "cache_image_read_mtok",
    "image_output": "output_image_mtok",
}
"""Our rates and their names in genai-prices."""

GENAI_SOURCE = f"genai-prices {genai_prices.__version__}"

GENAI_AS_OF = date(2026, 10, 14)
"""The date of prices for which genai-prices gives none: version 0.2.3, the oldest we accept, says that its data was
checked then."""


class UnitPrices(TierRates):
    """One model's rates (USD per 1M tokens) on one tier, with their source."""

    model: str
    tier: Tier
    source: str
    """`genai-prices 0.2.3`, or the table's name, date and source."""
    as_of: date
    """The day on which the prices were read from the provider's pages, according to the source."""

    def price(self, usage: Usage) -> Decimal:
        """USD for one request's usage, exact and never rounded."""
        return self.at_length(usage.input).cost(usage)


def price(usage: Usage, model: str, tier: Tier, at: datetime, table: PriceTable | None = None) -> Decimal:
    """USD for one request's usage: exact, never rounded. Raises `UnknownPrice`."""
    return unit_prices(model, tier, at, table).price(usage)


def unit_prices(model: str, tier: Tier, at: datetime, table: PriceTable | None = None) -> UnitPrices:
    """The rates of a model on a tier at a time (aware UTC). Raises `UnknownPrice`.

    A model in the user's `table` is priced only by that table, so that both sides of a saving come from one source; a
    tier that the table omits is unknown.
    """
    entry = table.find(model) if table else None
    if table and entry:
        return _from_table(table, entry, model, tier)
    known = _known_to_genai(model, tier, at, get_snapshot().timestamp)
    if known:
        return known
    bundled = _bundled_table()
    entry = bundled.find(model)
    if entry:
        return _from_table(bundled, entry, model, tier)
    raise UnknownPrice(_message(model, tier, f"neither {GENAI_SOURCE} nor {bundled.name} knows the model"))


def known_tiers(model: str, at: datetime, table: PriceTable | None = None) -> list[Tier]:
    """The tiers on which a model has a price at a time; none for a model whose prices are unknown."""
    return [tier for tier in Tier if _is_known(model, tier, at, table)]


def price_table(settings: Settings) -> PriceTable | None:
    """The user's own prices, if the settings name a file of them. Raises `BadBrief` for a faulty file."""
    return load_price_table(settings.prices_file) if settings.prices_file else None


def _is_known(model: str, tier: Tier, at: datetime, table: PriceTable | None) -> bool:
    try:
        unit_prices(model, tier, at, table)
    except UnknownPrice:
        return False
    return True


def _from_table(table: PriceTable, entry: ModelPrices, model: str, tier: Tier) -> UnitPrices:
    rates = entry.tier(tier)
    if rates is None:
        raise UnknownPrice(_message(model, tier, f"{table.name} gives the model no {tier} price"))
    source = f"{table.name} (as of {entry.as_of}: {entry.source})"
    return UnitPrices(**dict(rates), model=model, tier=tier, source=source, as_of=entry.as_of)


@lru_cache(maxsize=256)
def _known_to_genai(model: str, tier: Tier, at: datetime, _data: datetime) -> UnitPrices | None:
    """The rates from genai-prices, or None when it does not know the model.

    Cached by the exact time, because a price may change at any time (the answers of one batch share theirs), and by the
    price data's own time, because genai-prices can load newer data.
    """
    standard = _from_genai(model, Tier.STANDARD, at)
    return _confirmed(standard, model, tier, at) if standard else None


def _confirmed(standard: TierRates, model: str, tier: Tier, at: datetime) -> UnitPrices:
    """The tier's prices if they differ from the standard ones: only then does genai-prices know the tier."""
    rates = standard if tier is Tier.STANDARD else _from_genai(model, tier, at)
    if rates is None or (tier is not Tier.STANDARD and rates == standard):
        raise UnknownPrice(_message(model, tier, f"{GENAI_SOURCE} has no {tier} price for it on {at:%Y-%m-%d}"))
    return UnitPrices(**dict(rates), model=model, tier=tier, source=GENAI_SOURCE, as_of=_checked_on(model))


def _checked_on(model: str) -> date:
    """The newest day of the model's "rates verified on ..." comments.

    No field of genai-prices has it: a snapshot's `timestamp` is its load time, and a start date is when a price begins.
    """
    _, entry = get_snapshot().find_provider_model(model, None, "openai", None)
    days = re.findall(r"verified\b[^.]*? on (\d{4}-\d{2}-\d{2})", entry.price_comments or "", re.IGNORECASE)
    return max(map(date.fromisoformat, days), default=GENAI_AS_OF)


def _from_genai(model: str, tier: Tier, at: datetime) -> TierRates | None:
    """The rates from genai-prices, or None when it has no token prices for the model."""
    try:
        answer = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=0),
            model,
            provider_id="openai",
            genai_request_timestamp=at,
            price_context=CONTEXTS[tier],
        )
    except LookupError:
        return None
    found = {ours: getattr(answer.model_price, theirs) for ours, theirs in FIELDS.items()}
    if found["input"] is None or found["output"] is None:
        return None
    base = {ours: rate.base if isinstance(rate, TieredPrices) else rate for ours, rate in found.items()}
    return TierRates(**base, long_prompt=_long_prompt(model, tier, found))


def _long_prompt(model: str, tier: Tier, found: Mapping[str, Any]) -> LongPromptRates | None:
    steps = {step.start for rate in found.values() if isinstance(rate, TieredPrices) for step in rate.tiers}
    if not steps:
        return None
    if len(steps) > 1:
        raise UnknownPrice(_message(model, tier, f"{GENAI_SOURCE} has prices at several prompt lengths, not just one"))
    rates = {ours: rate.tiers[0].price if isinstance(rate, TieredPrices) else rate for ours, rate in found.items()}
    return LongPromptRates(**rates, above_tokens=steps.pop())


@cache
def _bundled_table() -> PriceTable:
    return load_price_table(Path(__file__).with_name("prices.json"))


def _message(model: str, tier: Tier, reason: str) -> str:
    left = "" if tier is Tier.STANDARD else " use real time (policy never_batch),"
    return (
        f"The {tier} price of {model} is unknown: {reason}. Choose another model,{left} or add its price to your own "
        "price table (PRESSRUN_PRICES_FILE)."
    )
