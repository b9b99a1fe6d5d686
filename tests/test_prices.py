"""Prices against genai-prices itself, whose calculation is the oracle for ours."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider, TieredPrices
from genai_prices.types import Tier as Step
from hypothesis import given
from hypothesis import strategies as st

from pressrun import prices
from pressrun.calls import Usage
from pressrun.errors import UnknownPrice
from pressrun.genai_rates import CONTEXTS, FIELDS, GENAI_AS_OF
from pressrun.models import model_table
from pressrun.prices import Tier, known_tiers, price, unit_prices
from pressrun.pricetable import Rates

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG = 272_000
TEXT_MODELS = ["gpt-4o-mini", "gpt-5.2", "gpt-5.4", "gpt-6-luna", "gpt-6.1-sol"]
IMAGE_MODELS = ["gpt-image-1.5", "gpt-image-2", "gpt-image-2.5-flare"]


def is_priced(model: str, tier: Tier, at: datetime = NOW) -> bool:
    return tier in known_tiers(model, at)


@st.composite
def usages(draw: st.DrawFn, image: bool = False) -> Usage:
    """Usage as the provider reports it: parts within totals; prompts on both sides of the long-prompt limit."""
    tokens = st.integers(0, 2_000) | st.integers(LONG - 2, LONG + 2) | st.integers(0, 1_000_000)
    total_in, total_out = draw(tokens), draw(tokens)
    cached = draw(st.integers(0, total_in))
    if image:
        # With both cached and image input the provider's own split is unknown, and so is the oracle's answer.
        cached, pictures = draw(st.sampled_from([(cached, 0), (0, cached)]))
        output_image = draw(st.integers(0, total_out))
        return Usage(input=total_in, cached=cached, input_image=pictures, output=total_out, output_image=output_image)
    written = draw(st.integers(0, total_in - cached))
    reasoning = draw(st.integers(0, total_out))
    return Usage(input=total_in, cached=cached, cache_written=written, output=total_out, reasoning=reasoning)


any_usage = st.builds(Usage, **dict.fromkeys(Usage.model_fields, st.integers(0, 3_000_000)))
"""Also what no sane server reports: parts above their totals."""

model_and_tier = st.sampled_from([(m, t) for m in TEXT_MODELS + IMAGE_MODELS for t in known_tiers(m, NOW)])


def oracle(usage: Usage, model: str, tier: Tier) -> Decimal:
    reported = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_written,
        input_image_tokens=usage.input_image,
        output_tokens=usage.output,
        output_reasoning_tokens=usage.reasoning,
        output_image_tokens=usage.output_image,
    )
    return genai_prices.calc_price(
        reported, model, provider_id="openai", genai_request_timestamp=NOW, price_context=CONTEXTS[tier]
    ).total_price


@pytest.mark.parametrize(
    ("model", "tier", "rates"),
    [
        ("gpt-6-luna", Tier.STANDARD, (".10", ".01", ".50")),
        ("gpt-6-luna", Tier.BATCH, (".05", ".005", ".25")),
        ("gpt-6-luna", Tier.FLEX, (".05", ".005", ".25")),
        ("gpt-6-luna", Tier.PRIORITY, (".20", ".02", "1")),
        ("gpt-4o-mini", Tier.STANDARD, (".15", ".075", ".60")),
        ("gpt-4o-mini", Tier.BATCH, (".075", ".075", ".30")),
        ("gpt-4o-mini", Tier.PRIORITY, (".25", ".125", "1")),
        ("gpt-5.4", Tier.BATCH, ("1.25", ".13", "7.50")),
        ("gpt-6.2-sol", Tier.STANDARD, ("2", ".10", "10")),
        ("gpt-6.2-sol", Tier.BATCH, ("1", ".05", "5")),
    ],
)
def test_text_rates_are_those_of_the_pricing_page(model, tier, rates):
    prices = unit_prices(model, tier, NOW)
    assert (prices.input, prices.cached_input, prices.output) == tuple(map(Decimal, rates))


@pytest.mark.parametrize(
    ("model", "tier", "rates"),
    [
        ("gpt-image-2", Tier.STANDARD, ("5", "8", "30")),
        ("gpt-image-2.5-flare", Tier.BATCH, ("2.50", "4", "15")),
        ("gpt-image-2.6-sunburst", Tier.STANDARD, ("5", "8", "30")),
    ],
)
def test_image_rates_are_those_of_the_pricing_page(model, tier, rates):
    prices = unit_prices(model, tier, NOW)
    assert (prices.input, prices.image_input, prices.output) == tuple(map(Decimal, rates))


def test_a_model_with_a_rate_of_its_own_for_images_bills_text_and_image_output_apart():
    usage = Usage(output=1_000_000, output_image=400_000)
    assert price(usage, "gpt-image-1.5", Tier.STANDARD, NOW) == Decimal("0.6") * 10 + Decimal("0.4") * 32


@given(model_and_tier.filter(lambda pair: pair[0] in TEXT_MODELS), usages())
def test_a_text_price_equals_genai_prices_to_the_last_digit(pair, usage):
    assert price(usage, *pair, NOW) == oracle(usage, *pair)


@given(model_and_tier.filter(lambda pair: pair[0] in IMAGE_MODELS), usages(image=True))
def test_an_image_price_equals_genai_prices_to_the_last_digit(pair, usage):
    assert price(usage, *pair, NOW) == oracle(usage, *pair)


@given(model_and_tier.filter(lambda pair: pair[0] in TEXT_MODELS), usages())
def test_a_text_price_is_the_sum_of_tokens_times_unit_prices(pair, usage):
    rates = unit_prices(*pair, NOW).at_length(usage.input)
    written_rate = rates.input if rates.cache_write is None else rates.cache_write
    fresh = usage.input - usage.cached - usage.cache_written
    millionths = (
        fresh * rates.input
        + usage.cached * rates.cached_input
        + usage.cache_written * written_rate
        + usage.output * rates.output
    )
    assert price(usage, *pair, NOW) * 1_000_000 == millionths


@given(model_and_tier, any_usage)
def test_a_price_is_never_negative_whatever_a_server_reports(pair, usage):
    assert price(usage, *pair, NOW) >= 0


@given(model_and_tier, any_usage, st.integers(0, 1000))
def test_a_price_is_linear_in_the_tokens(pair, usage, factor):
    rates = unit_prices(*pair, NOW).at_length(usage.input)
    many = Usage(**{part: count * factor for part, count in usage})
    assert rates.cost(many) == factor * rates.cost(usage)


@given(
    st.sampled_from([m for m in TEXT_MODELS + IMAGE_MODELS if is_priced(m, Tier.BATCH)]), usages() | usages(image=True)
)
def test_batch_is_never_dearer_than_standard(model, usage):
    assert price(usage, model, Tier.BATCH, NOW) <= price(usage, model, Tier.STANDARD, NOW)


@given(usages() | usages(image=True))
def test_each_token_is_billed_once(usage):
    same = dict.fromkeys(Rates.model_fields, Decimal(1))
    assert Rates(**same).cost(usage) * 1_000_000 == usage.input + usage.output


def test_cached_tokens_count_as_image_only_where_there_is_no_text_left():
    rates = Rates(input=5, output=0, cached_input=1, image_input=8, cached_image_input=2)
    usage = Usage(input=100, input_image=60, cached=70)
    assert rates.cost(usage) * 1_000_000 == 40 * 1 + 30 * 2 + 30 * 8


def test_a_prompt_of_exactly_272_000_tokens_has_the_normal_rates_and_one_more_doubles_them():
    at_limit, above = Usage(input=LONG), Usage(input=LONG + 1)
    assert price(at_limit, "gpt-6-luna", Tier.BATCH, NOW) == LONG * Decimal("0.05") / 1_000_000
    assert price(above, "gpt-6-luna", Tier.BATCH, NOW) == (LONG + 1) * Decimal("0.10") / 1_000_000


def test_an_unknown_model_is_an_error_and_not_free():
    with pytest.raises(UnknownPrice, match=r"standard price of qwen3-32b is unknown.*your own price table"):
        price(Usage(input=1), "qwen3-32b", Tier.STANDARD, NOW)


def test_a_model_without_token_prices_is_an_error_and_not_free():
    with pytest.raises(UnknownPrice):
        price(Usage(input=1), "omni-moderation-latest", Tier.STANDARD, NOW)


@pytest.mark.parametrize(
    ("model", "tier"),
    [("gpt-4o-mini", Tier.FLEX), ("chatgpt-image-latest", Tier.BATCH), ("gpt-5-nano", Tier.PRIORITY)],
)
def test_a_discount_that_the_data_does_not_confirm_is_an_error_and_not_the_standard_price(model, tier):
    with pytest.raises(UnknownPrice, match=f"{tier} price of {model} is unknown.*real time"):
        unit_prices(model, tier, NOW)


@pytest.mark.parametrize(
    ("model", "tiers"),
    [
        ("gpt-6-luna", list(Tier)),
        ("gpt-4o-mini", [Tier.STANDARD, Tier.BATCH, Tier.PRIORITY]),
        ("gpt-image-2.6-flare", [Tier.STANDARD]),
        ("qwen3-32b", []),
    ],
)
def test_the_tiers_of_a_model_are_those_with_a_price(model, tiers):
    assert known_tiers(model, NOW) == tiers


def test_batch_prices_are_unknown_before_the_day_from_which_the_data_has_them():
    assert not is_priced("gpt-6-luna", Tier.BATCH, datetime(2026, 10, 13, 23, 59, tzinfo=UTC))
    assert is_priced("gpt-6-luna", Tier.BATCH, datetime(2026, 10, 14, tzinfo=UTC))


def test_our_own_table_has_no_batch_price_for_models_that_cannot_be_batched():
    with pytest.raises(UnknownPrice, match="gives the model no batch price"):
        unit_prices("gpt-image-2.6-flare", Tier.BATCH, NOW)


def test_prices_name_their_source():
    luna, sol = (unit_prices(model, Tier.BATCH, NOW).source for model in ("gpt-6-luna", "gpt-6.2-sol"))
    assert luna == f"OpenAI's, from genai-prices {genai_prices.__version__}"
    assert sol.startswith("OpenAI's, from Pressrun's own table (as of 2026-11-23: ")


@pytest.mark.parametrize(
    ("model", "as_of"),
    [
        ("gpt-6-luna", date(2026, 10, 14)),
        ("gpt-6-luna-2026-09-01", date(2026, 10, 14)),
        ("gpt-6.1-terra", date(2026, 10, 26)),
        ("gpt-6.2-sol", date(2026, 11, 23)),
        ("chatgpt-image-latest", GENAI_AS_OF),
    ],
)
def test_prices_say_when_they_were_read(model, as_of):
    assert unit_prices(model, Tier.STANDARD, NOW).as_of == as_of


def test_the_day_for_undated_entries_is_that_of_the_oldest_genai_prices_that_we_take():
    """With a newer one in pyproject.toml, look up when its data was checked and set GENAI_AS_OF."""
    assert "genai-prices>=0.2.3," in (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("model", [m for m in model_table().models if not m.startswith("dall-e")])
def test_every_model_of_our_table_has_a_standard_price(model):
    assert is_priced(model, Tier.STANDARD)


def test_prices_at_several_prompt_lengths_are_an_error_and_not_half_understood():
    stepped = TieredPrices(base=Decimal(1), tiers=[Step(start=10, price=Decimal(2)), Step(start=20, price=Decimal(3))])
    model = ModelInfo(
        id="m", match=ClauseEquals(equals="m"), prices=ModelPrice(input_mtok=stepped, output_mtok=Decimal(1))
    )
    provider = Provider(id="openai", name="OpenAI", api_pattern="", models=[model])
    before = get_snapshot()
    set_custom_snapshot(DataSnapshot(providers=[provider], from_auto_update=False))
    try:
        with pytest.raises(UnknownPrice, match="several prompt lengths"):
            unit_prices("m", Tier.STANDARD, NOW)
    finally:
        set_custom_snapshot(None)
    assert get_snapshot() is before


def test_a_price_that_changes_is_never_served_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same model and tier, asked on both sides of a change, again and again."""
    change = datetime(2031, 5, 1, 12, tzinfo=UTC)

    def at_that_time(*_args: Any, genai_request_timestamp: datetime, price_context: Any, **_more: Any) -> Any:
        rate = Decimal(4 if genai_request_timestamp < change else 2) / (2 if price_context else 1)
        names = dict.fromkeys(FIELDS.values())
        model_price = SimpleNamespace(**{**names, "input_mtok": rate, "output_mtok": rate})
        return SimpleNamespace(model_price=model_price)

    prices._known_to_genai.cache_clear()
    monkeypatch.setattr(genai_prices, "calc_price", at_that_time)
    before = change - timedelta(microseconds=1)
    for _ in range(2):
        assert unit_prices("gpt-6-luna", Tier.STANDARD, before).input == 4
        assert unit_prices("gpt-6-luna", Tier.BATCH, before).input == 2
        assert unit_prices("gpt-6-luna", Tier.STANDARD, change).input == 2
        assert unit_prices("gpt-6-luna", Tier.BATCH, change).input == 1
    prices._known_to_genai.cache_clear()


def test_newer_price_data_replaces_what_was_remembered() -> None:
    known = unit_prices("gpt-6-luna", Tier.BATCH, NOW)
    set_custom_snapshot(DataSnapshot(providers=[], from_auto_update=False))
    try:
        with pytest.raises(UnknownPrice):
            unit_prices("gpt-6-luna", Tier.BATCH, NOW)
    finally:
        set_custom_snapshot(None)
    assert unit_prices("gpt-6-luna", Tier.BATCH, NOW) == known
