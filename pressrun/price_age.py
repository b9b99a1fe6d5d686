"""Warnings about outdated prices.

Invariant: age is a warning, never an error: an old price is still the best one known, and a model without a price is
refused elsewhere.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pressrun.prices import AT_OPENAI, Tariff, Tier, known_tiers, unit_prices

__all__ = ["STALE_AFTER", "price_notices"]

STALE_AFTER = timedelta(days=90)
"""A quarter. Prices of a current model rarely change, but they do: in the data of genai-prices 0.2.3 those of gpt-5.6
on 2026-07-30 and 2026-08-21. A shorter limit would mostly give false alarms; with a longer one, such a change would
distort every forecast and saving for more than a quarter unnoticed."""


def price_notices(models: Iterable[str], now: datetime, tariff: Tariff = AT_OPENAI) -> list[str]:
    """A sentence for each model whose prices were read more than 90 days before `now` (aware), each model once."""
    notices = (_notice(model, now.astimezone(UTC), tariff) for model in dict.fromkeys(models))
    return [notice for notice in notices if notice]


def _notice(model: str, now: datetime, tariff: Tariff) -> str | None:
    if Tier.STANDARD not in known_tiers(model, now, tariff):
        return None
    prices = unit_prices(model, Tier.STANDARD, now, tariff)
    age = now.date() - prices.as_of
    if age <= STALE_AFTER:
        return None
    return (
        f"The prices of {model} were read on {prices.as_of}, {age.days} days ago, and may have changed since (source: "
        f"{prices.source}). Check them, and put newer ones in your own price table (PRESSRUN_PRICES_FILE)."
    )
