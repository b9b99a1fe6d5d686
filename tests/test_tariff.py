"""A price belongs to the place where a call is served."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pressrun.calls import Usage
from pressrun.errors import UnknownPrice
from pressrun.models import costs_more_by_region, model_table
from pressrun.prices import (
    AT_OPENAI,
    PriceTable,
    Tier,
    known_tiers,
    price,
    require_prices,
    tariff,
    tariff_of,
    unit_prices,
)
from pressrun.settings import Settings

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
EU = tariff_of("https://eu.api.openai.com/v1")
GROQ = tariff_of("https://api.groq.com/openai/v1")
AZURE = "https://bakery.openai.azure.com/openai/v1/"
GATEWAY = "https://gateway.example/v1"
USAGE = Usage(input=300_001, cached=1_003, cache_written=77, input_image=5, output=1_001, output_image=7)
"""Above the length from which long prompts cost more, in figures that leave no round result."""


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-6.1-sol", "gpt-image-2.5-flare", "gpt-5.4", "gpt-6.2-sol"])
def test_a_region_adds_a_tenth_on_every_tier_to_the_last_digit(model, tier):
    if tier not in known_tiers(model, NOW):
        assert tier not in known_tiers(model, NOW, EU)
        return
    assert price(USAGE, model, tier, NOW, EU) == price(USAGE, model, tier, NOW) * 11 / 10


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-5.2", "gpt-image-1.5"])
def test_a_region_adds_nothing_for_a_model_from_before_that_rule(model):
    assert price(USAGE, model, Tier.STANDARD, NOW, EU) == price(USAGE, model, Tier.STANDARD, NOW)
    assert "10 %" not in unit_prices(model, Tier.STANDARD, NOW, EU).source


def test_a_model_of_unknown_age_is_counted_with_the_surcharge_and_that_is_said():
    assert costs_more_by_region("chatgpt-image-latest") is None
    prices = unit_prices("chatgpt-image-latest", Tier.STANDARD, NOW, EU)
    assert prices.input == unit_prices("chatgpt-image-latest", Tier.STANDARD, NOW).input * 11 / 10
    assert "plus 10 % for eu.api.openai.com (release date unknown)" in prices.source


def test_the_rule_begins_with_the_models_of_its_own_day():
    assert costs_more_by_region("gpt-5.4")
    assert costs_more_by_region("gpt-6-luna-2026-09-22")
    assert not costs_more_by_region("gpt-5.2")


def test_every_model_of_our_table_has_regional_prices_that_are_exact():
    priced = [model for model in model_table().models if Tier.STANDARD in known_tiers(model, NOW)]
    assert len(priced) > 30
    for model in priced:
        factor = Decimal("1.1") if costs_more_by_region(model) is not False else 1
        assert (
            unit_prices(model, Tier.STANDARD, NOW, EU).output == unit_prices(model, Tier.STANDARD, NOW).output * factor
        )


def test_another_providers_price_is_its_own_where_it_is_published():
    usage = Usage(input=1_000_000, output=1_000_000)
    assert price(usage, "openai/gpt-oss-120b", Tier.STANDARD, NOW, GROQ) == Decimal("0.75")
    assert price(usage, "openai/gpt-oss-120b", Tier.BATCH, NOW, GROQ) == Decimal("0.375")
    assert unit_prices("openai/gpt-oss-120b", Tier.BATCH, NOW, GROQ).source.startswith("Groq's, from genai-prices ")


def test_a_tier_that_another_provider_publishes_no_price_for_is_unknown():
    assert known_tiers("openai/gpt-oss-120b", NOW, GROQ) == [Tier.STANDARD, Tier.BATCH]
    assert known_tiers("gpt-6-luna", NOW, tariff_of(AZURE)) == [Tier.STANDARD]
    with pytest.raises(UnknownPrice, match="batch price of gpt-6-luna is unknown"):
        unit_prices("gpt-6-luna", Tier.BATCH, NOW, tariff_of(AZURE))


@pytest.mark.parametrize("model", ["gpt-oss-120b", "gpt-6-luna", "gpt-6.2-sol"])
def test_openais_price_is_never_taken_for_another_providers(model):
    assert known_tiers(model, NOW) != []
    assert known_tiers(model, NOW, tariff_of(GATEWAY)) == []
    with pytest.raises(UnknownPrice, match="Groq"):
        unit_prices(model, Tier.STANDARD, NOW, GROQ)


def test_one_line_of_the_users_table_says_that_a_gateway_charges_what_another_address_does():
    openai, eu = (PriceTable(name="mine", prices_of=address) for address in ("api.openai.com", "eu.api.openai.com"))
    plain, regional = (unit_prices("gpt-6-luna", Tier.BATCH, NOW, tariff_of(GATEWAY, said)) for said in (openai, eu))
    assert plain.input == unit_prices("gpt-6-luna", Tier.BATCH, NOW).input
    assert regional.input == plain.input * 11 / 10
    assert plain.source.endswith("; mine says that gateway.example charges the same")
    assert "OpenAI's plus 10 % for eu.api.openai.com" in regional.source


def test_a_private_address_counts_with_openais_prices_and_says_so():
    prices = unit_prices("gpt-6-luna", Tier.STANDARD, NOW, tariff_of("http://127.0.0.1:4000/v1"))
    assert prices.input == unit_prices("gpt-6-luna", Tier.STANDARD, NOW).input
    assert prices.source.endswith("; 127.0.0.1:4000 names no provider, so its own prices may differ")


def test_a_deployment_has_the_prices_of_the_model_that_it_stands_for():
    named = tariff_of(AZURE, PriceTable(name="mine", names={"bakery-text": "gpt-6-luna"}))
    prices = unit_prices("bakery-text", Tier.STANDARD, NOW, named)
    assert prices.input == Decimal("0.10")
    assert prices.source.startswith("Microsoft Azure's, from genai-prices ")
    with pytest.raises(UnknownPrice, match="does not know the model at Microsoft Azure"):
        unit_prices("bakery-text", Tier.STANDARD, NOW, tariff_of(AZURE))


def test_the_users_own_prices_are_taken_as_they_stand_at_every_address():
    entry = {"source": "contract", "as_of": "2026-11-01", "standard": {"input": 1, "output": 2}}
    table = PriceTable(name="mine", models={"gpt-6-luna": entry})
    for address in ("https://eu.api.openai.com/v1", GATEWAY, AZURE):
        prices = unit_prices("gpt-6-luna", Tier.STANDARD, NOW, tariff_of(address, table))
        assert (prices.input, prices.source) == (1, "mine (as of 2026-11-01: contract)")


def test_all_models_without_a_price_are_named_at_once_with_the_lines_that_would_give_it():
    with pytest.raises(UnknownPrice) as caught:
        require_prices(["gpt-6-luna", "gpt-image-2.5-flare", "gpt-6-luna"], NOW, tariff_of(GATEWAY))
    text = str(caught.value)
    assert text.count("The standard price of gpt-6-luna is unknown: gateway.example is not the address of") == 1
    assert "The standard price of gpt-image-2.5-flare is unknown" in text
    assert "    gpt-image-2.5-flare:\n      source: where you read the prices\n      as_of: 2026-11-28\n" in text
    assert "one line is enough:\n  prices_of: https://api.openai.com/v1" in text
    require_prices(["gpt-6-luna", "gpt-image-2.5-flare"], NOW, AT_OPENAI)


def test_a_simulation_shows_what_openai_would_charge_whatever_address_is_configured(tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text("prices_of: https://eu.api.openai.com/v1")
    settings = Settings(_env_file=None, openai_base_url=GATEWAY, prices_file=file)
    assert unit_prices("gpt-6-luna", Tier.STANDARD, NOW, tariff(settings, simulate=True)) == unit_prices(
        "gpt-6-luna", Tier.STANDARD, NOW
    )
    assert unit_prices("gpt-6-luna", Tier.STANDARD, NOW, tariff(settings)).input == Decimal("0.11")


def test_rates_are_free_of_the_noise_of_binary_fractions():
    together = tariff_of("https://router.huggingface.co/together/v1")
    assert unit_prices("Qwen/Qwen3-VL-8B-Instruct", Tier.STANDARD, NOW, together).input == Decimal("0.18")
