"""Rates as genai-prices publishes them.

Invariant: nothing is assumed. genai-prices returns the standard price for a tier that it does not know, so whoever asks
for another tier has to compare.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices

from pressrun.pricetable import LongPromptRates, Tier, TierRates, unknown_price

__all__ = ["GENAI_SOURCE", "checked_on", "rates_of"]

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


def rates_of(provider: str, model: str, tier: Tier, at: datetime) -> TierRates | None:
    """The rates from genai-prices, or None when it has no token prices for the model."""
    try:
        answer = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=0),
            model,
            provider_id=provider,
            genai_request_timestamp=at,
            price_context=CONTEXTS[tier],
        )
    except LookupError:
        return None
    found = {ours: getattr(answer.model_price, theirs) for ours, theirs in FIELDS.items()}
    if found["input"] is None or found["output"] is None:
        return None
    base = {ours: _exact(rate.base if isinstance(rate, TieredPrices) else rate) for ours, rate in found.items()}
    return TierRates(**base, long_prompt=_long_prompt(model, tier, found))


def _exact(rate: Decimal | None) -> Decimal | None:
    """A rate without the noise of the binary fractions that some prices were converted from (0.18000000000000002)."""
    return round(rate, 6) if rate is not None and rate != round(rate, 6) else rate


def _long_prompt(model: str, tier: Tier, found: Mapping[str, Any]) -> LongPromptRates | None:
    steps = {step.start for rate in found.values() if isinstance(rate, TieredPrices) for step in rate.tiers}
    if not steps:
        return None
    if len(steps) > 1:
        raise unknown_price(model, tier, f"{GENAI_SOURCE} has prices at several prompt lengths, not just one")
    rates = {
        ours: _exact(rate.tiers[0].price if isinstance(rate, TieredPrices) else rate) for ours, rate in found.items()
    }
    return LongPromptRates(**rates, above_tokens=steps.pop())


def checked_on(provider: str, model: str) -> date:
    """The newest day of the model's "rates verified on ..." comments.

    No field of genai-prices has it: a snapshot's `timestamp` is its load time, and a start date is when a price begins.
    """
    _, entry = get_snapshot().find_provider_model(model, None, provider, None)
    days = re.findall(r"verified\b[^.]*? on (\d{4}-\d{2}-\d{2})", entry.price_comments or "", re.IGNORECASE)
    return max(map(date.fromisoformat, days), default=GENAI_AS_OF)
