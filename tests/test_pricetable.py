"""Prices from the user's own table."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pressrun.calls import Usage
from pressrun.errors import BadBrief, UnknownPrice
from pressrun.prices import Tier, load_price_table, price, unit_prices

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
def table(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE)
    return load_price_table(path)


def test_the_users_table_prices_what_nobody_else_knows(table):
    usage = Usage(input=1_000_000, cached=500_000, output=1_000_000)
    assert price(usage, "qwen3-32b", Tier.STANDARD, NOW, table) == Decimal("0.52")
    assert price(usage, "qwen3-32b", Tier.BATCH, NOW, table) == Decimal("0.26")


def test_the_users_table_wins_also_for_dated_names_and_names_itself(table, tmp_path):
    prices = unit_prices("gpt-6-luna-2026-09-01", Tier.STANDARD, NOW, table)
    assert prices.input == Decimal("0.09")
    assert prices.source == f"{tmp_path / 'prices.yaml'} (as of 2026-10-01: contract 17)"
    assert prices.as_of == date(2026, 10, 1)


def test_a_tier_that_the_users_table_leaves_out_is_not_taken_from_elsewhere(table):
    with pytest.raises(UnknownPrice, match="gives the model no batch price"):
        unit_prices("gpt-6-luna", Tier.BATCH, NOW, table)


def test_a_model_that_the_users_table_does_not_name_is_priced_as_ever(table):
    assert unit_prices("gpt-6-sol", Tier.BATCH, NOW, table) == unit_prices("gpt-6-sol", Tier.BATCH, NOW)


def test_a_price_table_may_be_json(tmp_path):
    rates = {"input": "0.10", "output": 1}
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"models": {"m": {"source": "s", "as_of": "2026-11-01", "standard": rates}}}))
    assert unit_prices("m", Tier.STANDARD, NOW, load_price_table(path)).input == Decimal("0.10")


def test_every_fault_of_a_price_table_is_reported_with_its_place(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE.replace("input: 0.12", "input: -1").replace("source: contract 17", "sauce: contract 17"))
    with pytest.raises(BadBrief) as caught:
        load_price_table(path)
    text = str(caught.value)
    assert "line 6: models.qwen3-32b.standard.input: should be at least 0" in text
    assert "line 9: models.gpt-6-luna.sauce: unknown field" in text
    assert "models.gpt-6-luna.source: required, but missing" in text
