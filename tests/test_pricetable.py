"""Prices from the user's own table."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pressrun.calls import Usage
from pressrun.errors import BadBrief, UnknownPrice
from pressrun.prices import AT_OPENAI, PriceTable, Tariff, Tier, load_price_table, price, tariff_of, unit_prices

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

TABLE = """
models:
  qwen3-32b:
    source: our own server's electricity
    as_of: 2026-11-01
    standard: {input: 0.12, output: 0.4}
    batch: {input: 0.06, output: 0.2}
  gpt-6-luna:
    source: contract 17
    as_of: 2026-10-01
    standard: {input: 0.09, output: 0.45}
"""


@pytest.fixture
def here(tmp_path) -> Tariff:
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE)
    return at_openai(load_price_table(path))


def at_openai(table: PriceTable) -> Tariff:
    return tariff_of("https://api.openai.com/v1", table)


def test_the_users_table_prices_what_nobody_else_knows(here):
    usage = Usage(input=1_000_000, cached=500_000, output=1_000_000)
    assert price(usage, "qwen3-32b", Tier.STANDARD, NOW, here) == Decimal("0.52")
    assert price(usage, "qwen3-32b", Tier.BATCH, NOW, here) == Decimal("0.26")


def test_the_users_table_wins_also_for_dated_names_and_names_itself(here, tmp_path):
    prices = unit_prices("gpt-6-luna-2026-09-01", Tier.STANDARD, NOW, here)
    assert prices.input == Decimal("0.09")
    assert prices.source == f"{tmp_path / 'prices.yaml'} (as of 2026-10-01: contract 17)"
    assert prices.as_of == date(2026, 10, 1)


def test_a_tier_that_the_users_table_leaves_out_is_not_taken_from_elsewhere(here):
    with pytest.raises(UnknownPrice, match="gives the model no batch price"):
        unit_prices("gpt-6-luna", Tier.BATCH, NOW, here)


def test_a_model_that_the_users_table_does_not_name_is_priced_as_ever(here):
    assert unit_prices("gpt-6-sol", Tier.BATCH, NOW, here) == unit_prices("gpt-6-sol", Tier.BATCH, NOW, AT_OPENAI)


def test_a_price_table_may_be_json(tmp_path):
    rates = {"input": "0.10", "output": 1}
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"models": {"m": {"source": "s", "as_of": "2026-11-01", "standard": rates}}}))
    assert unit_prices("m", Tier.STANDARD, NOW, at_openai(load_price_table(path))).input == Decimal("0.10")


def test_every_fault_of_a_price_table_is_reported_with_its_place(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE.replace("input: 0.12", "input: -1").replace("source: contract 17", "sauce: contract 17"))
    with pytest.raises(BadBrief) as caught:
        load_price_table(path)
    text = str(caught.value)
    assert "line 6: models.qwen3-32b.standard.input: should be at least 0" in text
    assert "line 9: models.gpt-6-luna.sauce: unknown field" in text
    assert "models.gpt-6-luna.source: required, but missing" in text


def test_a_line_that_names_no_known_provider_is_refused_with_its_place(tmp_path):
    path = tmp_path / "prices.yaml"
    for address in ("https://gateway.example/v1", "http://127.0.0.1:4000/v1", "openai"):
        path.write_text(f"prices_of: {address}\n")
        with pytest.raises(BadBrief, match=r"line 1: prices_of: .*no provider's prices are known for this address"):
            load_price_table(path)


def test_a_name_has_its_own_prices_before_those_of_the_model_that_it_stands_for():
    entry = {"source": "s", "as_of": "2026-11-01"}
    table = PriceTable(
        names={"cheap-deployment": "gpt-6-luna", "other-deployment": "gpt-6-luna-2026-09-01"},
        models={
            "gpt-6-luna": {**entry, "standard": {"input": 1, "output": 2}},
            "cheap-deployment": {**entry, "standard": {"input": 3, "output": 4}},
        },
    )
    rates = [table.find(name).standard.input for name in ("cheap-deployment", "other-deployment", "gpt-6-luna")]
    assert rates == [3, 1, 1]
    assert table.find("unheard-of") is None
    assert (table.model("cheap-deployment"), table.model("unheard-of")) == ("gpt-6-luna", "unheard-of")
