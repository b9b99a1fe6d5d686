"""What a call costs: exact USD, by the place where it is served, model, tier and time.

Invariant: a price is known or it is an error. An unknown price is never 0, one provider's price is never taken for
another's, and a discount that the price data does not confirm is never assumed: a tier with prices identical to
standard counts as unknown here.

Sources, in order of precedence: the user's table, genai-prices, and for OpenAI our own `prices.json`.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from genai_prices.data_snapshot import get_snapshot

from pressrun.calls import Usage
from pressrun.errors import UnknownPrice
from pressrun.frozen import Frozen
from pressrun.genai_rates import GENAI_SOURCE, checked_on, rates_of
from pressrun.models import costs_more_by_region
from pressrun.pricehosts import AZURE, OPENAI, PriceList, price_list
from pressrun.pricetable import ModelPrices, PriceTable, Rates, Tier, TierRates, load_price_table, unknown_price
from pressrun.settings import OPENAI_BASE_URL, Settings

__all__ = [
    "AT_OPENAI",
    "PriceTable",
    "Tariff",
    "Tier",
    "UnitPrices",
    "known_tiers",
    "load_price_table",
    "price",
    "require_prices",
    "tariff",
    "tariff_of",
    "unit_prices",
]

REGIONAL = Decimal("1.1")
"""What OpenAI's regional addresses charge for newer models, as a factor, on every tier; see `costs_more_by_region`."""


class UnitPrices(TierRates):
    """One model's rates (USD per 1M tokens) on one tier, with their source."""

    model: str
    tier: Tier
    source: str
    """Whose prices they are, who says so, and why they apply, for every report."""
    as_of: date
    """The day on which the prices were read from the provider's pages, according to the source."""

    def price(self, usage: Usage) -> Decimal:
        """USD for one request's usage, exact and never rounded."""
        return self.at_length(usage.input).cost(usage)


class Tariff(Frozen):
    """What applies where calls are served: the user's own table first, then a provider's published prices."""

    host: str
    """The address that serves the calls, as reports name it."""
    published: PriceList
    """The published prices: those of the address, or those that the user's table names instead (`prices_of`)."""
    table: PriceTable | None = None

    def model(self, name: str) -> str:
        """The model that a name stands for here: itself, unless the user's table knows it as a deployment's."""
        return self.table.model(name) if self.table else name

    def source(self, given_by: str, surcharge: str = "") -> str:
        """How reports name published prices that `given_by` tells us."""
        said = f"{self.published.name}'s{surcharge}, from {given_by}"
        if self.published.is_assumed:
            return f"{said}; {self.host} names no provider, so its own prices may differ"
        if self.table and self.table.prices_of:
            return f"{said}; {self.table.name} says that {self.host} charges the same"
        return said


def tariff_of(address: str, table: PriceTable | None = None) -> Tariff:
    """The tariff of an address, with the user's table."""
    here = price_list(address)
    named = price_list(table.prices_of) if table and table.prices_of else here
    return Tariff(host=here.host, published=named, table=table)


def tariff(settings: Settings, *, simulate: bool = False) -> Tariff:
    """The tariff of the configured address, or of OpenAI for a simulation, which shows what OpenAI would charge.

    Raises `BadBrief` for a faulty table.
    """
    table = load_price_table(settings.prices_file) if settings.prices_file else None
    if not simulate:
        return tariff_of(settings.openai_base_url, table)
    return tariff_of(OPENAI_BASE_URL, table and table.model_copy(update={"prices_of": None}))


AT_OPENAI = tariff_of(OPENAI_BASE_URL)


def price(usage: Usage, model: str, tier: Tier, at: datetime, tariff: Tariff = AT_OPENAI) -> Decimal:
    """USD for one request's usage: exact, never rounded. Raises `UnknownPrice`."""
    return unit_prices(model, tier, at, tariff).price(usage)


def unit_prices(name: str, tier: Tier, at: datetime, tariff: Tariff = AT_OPENAI) -> UnitPrices:
    """The rates of a model on a tier at a time (aware UTC). Raises `UnknownPrice`.

    A model in the user's table is priced only by that table, so that both sides of a saving come from one source; a
    tier that the table omits is unknown. `name` may be a deployment's, if the table says for which model it stands.
    """
    entry = tariff.table.find(name) if tariff.table else None
    if tariff.table and entry:
        return _from_table(tariff.table, entry, name, tier)
    model, provider = tariff.model(name), tariff.published.provider
    if provider is None:
        reason = f"{tariff.host} is not the address of a provider whose prices Pressrun knows"
        raise unknown_price(name, tier, reason)
    known = _known_to_genai(provider, model, tier, at, get_snapshot().timestamp)
    if known:
        return _applied(known, model, tariff, GENAI_SOURCE)
    bundled = _bundled_table()
    entry = bundled.find(model) if provider == OPENAI else None
    if entry:
        found = _from_table(bundled, entry, model, tier)
        return _applied(found, model, tariff, found.source)
    if provider == OPENAI:
        raise unknown_price(name, tier, f"neither {GENAI_SOURCE} nor {bundled.name} knows the model")
    raise unknown_price(name, tier, f"{GENAI_SOURCE} does not know the model at {tariff.published.name}")


def known_tiers(model: str, at: datetime, tariff: Tariff = AT_OPENAI) -> list[Tier]:
    """The tiers on which a model has a price at a time; none for a model whose prices are unknown."""
    return [tier for tier in Tier if _is_known(model, tier, at, tariff)]


def require_prices(models: Iterable[str], at: datetime, tariff: Tariff) -> None:
    """Raise `UnknownPrice` for all models without a standard price, with the lines that would give it."""
    unknown: dict[str, str] = {}
    for model in dict.fromkeys(models):
        try:
            unit_prices(model, Tier.STANDARD, at, tariff)
        except UnknownPrice as error:
            unknown[model] = str(error)
    if unknown:
        raise UnknownPrice("\n".join([*unknown.values(), _how_to_give(unknown, at, tariff)]))


def _how_to_give(models: Iterable[str], at: datetime, tariff: Tariff) -> str:
    """What to write into a price table. Dots in place of figures: an example that is left as it is must be refused."""
    entries = "".join(
        f"\n    {model}:\n      source: where you read the prices\n      as_of: {at:%Y-%m-%d}"
        "\n      standard: {input: ..., output: ...}\n      batch: {input: ..., output: ...}"
        for model in models
    )
    text = (
        "Nothing was spent. A price table is a YAML file (USD per million tokens; leave out a tier that is not "
        f"offered):\n  models:{entries}"
    )
    if tariff.published.provider is None:
        text += f"\nIf {tariff.host} charges what OpenAI charges, one line is enough:\n  prices_of: {OPENAI_BASE_URL}"
    if tariff.published.provider in (None, AZURE):
        meant = "".join(f"\n    {model}: ..." for model in models)
        text += f"\nIf a name is that of a deployment, say for which model it stands:\n  names:{meant}"
    return text


def _is_known(model: str, tier: Tier, at: datetime, tariff: Tariff) -> bool:
    try:
        unit_prices(model, tier, at, tariff)
    except UnknownPrice:
        return False
    return True


def _from_table(table: PriceTable, entry: ModelPrices, model: str, tier: Tier) -> UnitPrices:
    rates = entry.tier(tier)
    if rates is None:
        raise unknown_price(model, tier, f"{table.name} gives the model no {tier} price")
    source = f"{table.name} (as of {entry.as_of}: {entry.source})"
    return UnitPrices(**dict(rates), model=model, tier=tier, source=source, as_of=entry.as_of)


def _applied(found: UnitPrices, model: str, tariff: Tariff, given_by: str) -> UnitPrices:
    """A provider's published prices as they apply here: with OpenAI's surcharge for its regional addresses."""
    dearer = tariff.published.is_regional and costs_more_by_region(model)
    if dearer is False:
        return found.model_copy(update={"source": tariff.source(given_by)})
    surcharge = f" plus 10 % for {tariff.published.host}" + (" (release date unknown)" if dearer is None else "")
    long_prompt = found.long_prompt and found.long_prompt.model_copy(update=_raised(found.long_prompt))
    return found.model_copy(
        update={**_raised(found), "long_prompt": long_prompt, "source": tariff.source(given_by, surcharge)}
    )


def _raised(rates: Rates) -> dict[str, Decimal]:
    """The rates with the surcharge; those that are not published stay so."""
    given = {name: getattr(rates, name) for name in Rates.model_fields}
    return {name: rate * REGIONAL for name, rate in given.items() if rate is not None}


@lru_cache(maxsize=256)
def _known_to_genai(provider: str, model: str, tier: Tier, at: datetime, _data: datetime) -> UnitPrices | None:
    """The rates from genai-prices, or None when it does not know the model at that provider.

    Cached by the exact time, because a price may change at any time (the answers of one batch share theirs), and by the
    price data's own time, because genai-prices can load newer data.
    """
    standard = rates_of(provider, model, Tier.STANDARD, at)
    return _confirmed(standard, provider, model, tier, at) if standard else None


def _confirmed(standard: TierRates, provider: str, model: str, tier: Tier, at: datetime) -> UnitPrices:
    """The tier's prices if they differ from the standard ones: only then does genai-prices know the tier."""
    rates = standard if tier is Tier.STANDARD else rates_of(provider, model, tier, at)
    if rates is None or (tier is not Tier.STANDARD and rates == standard):
        raise unknown_price(model, tier, f"{GENAI_SOURCE} has no {tier} price for it on {at:%Y-%m-%d}")
    as_of = checked_on(provider, model)
    return UnitPrices(**dict(rates), model=model, tier=tier, source=GENAI_SOURCE, as_of=as_of)


@cache
def _bundled_table() -> PriceTable:
    return load_price_table(Path(__file__).with_name("prices.json"))
