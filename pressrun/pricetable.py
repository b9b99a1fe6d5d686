"""Price tables: what a token costs on each tier, as specified by a person or a package.

Invariant: the billed parts of a usage add up to its totals, so no token is billed twice and none is overlooked.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from pressrun.calls import Usage
from pressrun.errors import UnknownPrice
from pressrun.files import load_model
from pressrun.frozen import Frozen
from pressrun.models import undated
from pressrun.pricehosts import price_list

__all__ = [
    "LongPromptRates",
    "ModelPrices",
    "PriceTable",
    "Rates",
    "Tier",
    "TierRates",
    "load_price_table",
    "unknown_price",
]

MILLION = 1_000_000


class Tier(StrEnum):
    """The tier of a call's price. Real time is `standard` unless the provider served it at `flex` or `priority`."""

    STANDARD = "standard"
    BATCH = "batch"
    FLEX = "flex"
    PRIORITY = "priority"


# With 14 digits, every product with a token count fits Decimal's 28 digits, so no cost is ever rounded.
Usd = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=8)]


class Rates(Frozen):
    """USD per 1M tokens. An absent rate (None) is not published; its tokens cost the general input or output rate."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    image_input: Usd | None = None
    cached_image_input: Usd | None = None
    image_output: Usd | None = None

    def cost(self, usage: Usage) -> Decimal:
        """Exact USD for a usage at these rates, regardless of its length (see `TierRates.at_length`)."""
        return sum((tokens * rate for tokens, rate in self._billed(usage) if tokens), Decimal(0)) / MILLION

    def _billed(self, usage: Usage) -> Iterator[tuple[int, Decimal]]:
        """Tokens and their rate, each token once.

        The provider does not say whether cached tokens were text or image. They are counted as text first, which is the
        more expensive reading (caching saves most on images); cache writes likewise. When a server reports a part that
        is larger than its total, the part is billed: a total is never invented, and never below zero.
        """
        text = max(usage.input - usage.input_image, 0)
        cached_text = min(usage.cached, text)
        cached_image = usage.cached - cached_text
        written_text = min(usage.cache_written, text - cached_text)
        written_image = usage.cache_written - written_text
        image_rate = _first(self.image_input, self.input)
        cached_rate = _first(self.cached_input, self.input)
        cached_image_default = cached_rate if self.image_input is None else image_rate
        yield text - cached_text - written_text, self.input
        yield cached_text, cached_rate
        yield usage.cache_written, _first(self.cache_write, self.input)
        yield cached_image, _first(self.cached_image_input, cached_image_default)
        yield max(usage.input_image - cached_image - written_image, 0), image_rate
        yield max(usage.output - usage.output_image, 0), self.output
        yield usage.output_image, _first(self.image_output, self.output)


def _first(rate: Decimal | None, default: Decimal) -> Decimal:
    return default if rate is None else rate


class LongPromptRates(Rates):
    """Rates for an entire request whose input exceeds a length."""

    above_tokens: PositiveInt
    """Input tokens; a request with exactly this many still has the normal rates."""


class TierRates(Rates):
    """A tier's rates, with separate rates for long prompts where the provider has them."""

    long_prompt: LongPromptRates | None = None

    def at_length(self, input_tokens: int) -> Rates:
        """The rates for a request with this many input tokens."""
        if self.long_prompt and input_tokens > self.long_prompt.above_tokens:
            return self.long_prompt
        return self


class ModelPrices(Frozen):
    """One model's prices by tier; a tier that is left out has no price."""

    source: str = Field(min_length=1, description="The source of the prices, for whoever checks the report.")
    as_of: date = Field(description="The day on which the prices were read.")
    standard: TierRates
    batch: TierRates | None = None
    flex: TierRates | None = None
    priority: TierRates | None = None

    def tier(self, tier: Tier) -> TierRates | None:
        rates: TierRates | None = getattr(self, tier)
        return rates


class PriceTable(Frozen):
    """Prices by model name. A dated snapshot without its own entry has the prices of its model."""

    name: str = Field("", description="The table's name in reports; the file's path if omitted.")
    prices_of: str | None = Field(
        None,
        description="The address whose prices apply, where the server in use passes requests on to it or charges the "
        "same: `https://api.openai.com/v1` for a gateway in front of OpenAI.",
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description="The model that a name of the provider's own stands for, such as the name of a deployment.",
    )
    models: dict[str, ModelPrices] = Field(default_factory=dict)

    @field_validator("prices_of")
    @classmethod
    def _is_somebodys(cls, value: str | None) -> str | None:
        if value is not None and (price_list(value).provider is None or price_list(value).is_assumed):
            raise ValueError("no provider's prices are known for this address; give the prices of each model instead")
        return value

    def model(self, name: str) -> str:
        """The model that a name stands for: itself, unless `names` says otherwise."""
        return self.names.get(name, name)

    def find(self, name: str) -> ModelPrices | None:
        """The prices under this name, or else those of the model that it stands for."""
        model = self.model(name)
        return self.models.get(name) or self.models.get(model) or self.models.get(undated(model))


def load_price_table(path: Path) -> PriceTable:
    """Read a price table (YAML or JSON). Raises `BadBrief` with every fault and its line."""
    table = load_model(path, PriceTable)
    return table if table.name else table.model_copy(update={"name": str(path)})


def unknown_price(model: str, tier: Tier, reason: str) -> UnknownPrice:
    """The error for a model without a price on a tier; `reason` says why."""
    left = "" if tier is Tier.STANDARD else " use real time (policy never_batch),"
    return UnknownPrice(
        f"The {tier} price of {model} is unknown: {reason}. Choose another model,{left} or add its price to your own "
        "price table (PRESSRUN_PRICES_FILE)."
    )
