from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.price_age import price_notices
from pressrun.prices import PriceTable, Tariff, Tier, tariff_of, unit_prices

READ = date(2026, 10, 14)
NOON = datetime.combine(READ, time(12), UTC)


def on(table: PriceTable) -> Tariff:
    return tariff_of("https://api.openai.com/v1", table)


def table(as_of: date) -> PriceTable:
    own = {"source": "contract 17", "as_of": as_of, "standard": {"input": "0.09", "output": "0.45"}}
    return PriceTable(name="mine.yaml", models={"gpt-6-luna": own, "qwen3-32b": own})


def test_old_prices_are_told_with_their_age_their_source_and_the_way_out() -> None:
    [notice] = price_notices(["gpt-6-luna"], NOON + timedelta(days=99))
    source = unit_prices("gpt-6-luna", Tier.STANDARD, NOON).source
    assert notice == (
        "The prices of gpt-6-luna were read on 2026-10-14, 99 days ago, and may have changed since "
        f"(source: {source}). Check them, and put newer ones in your own price table (PRESSRUN_PRICES_FILE)."
    )


def test_prices_of_90_days_are_still_believed_and_those_of_91_are_not() -> None:
    assert price_notices(["gpt-6-luna"], NOON + timedelta(days=90)) == []
    assert len(price_notices(["gpt-6-luna"], NOON + timedelta(days=91))) == 1


def test_the_day_is_counted_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    day_91_in_tokyo = datetime(2027, 1, 13, 8, 59, tzinfo=tokyo)
    assert price_notices(["gpt-6-luna"], day_91_in_tokyo) == []
    assert len(price_notices(["gpt-6-luna"], day_91_in_tokyo + timedelta(minutes=1))) == 1


def test_the_users_own_table_ends_the_warning_and_grows_old_itself() -> None:
    now = NOON + timedelta(days=200)
    assert price_notices(["gpt-6-luna"], now, on(table(now.date()))) == []
    [notice] = price_notices(["qwen3-32b"], now, on(table(READ)))
    assert "200 days ago" in notice
    assert "mine.yaml (as of 2026-10-14: contract 17)" in notice


def test_each_model_is_told_once_and_one_without_a_price_not_at_all() -> None:
    notices = price_notices(["gpt-6-luna", "no-such-model", "gpt-6.1-terra", "gpt-6-luna"], NOON + timedelta(days=150))
    assert ["gpt-6-luna" in notice for notice in notices] == [True, False]
    assert "2026-10-26, 138 days ago" in notices[1]


@pytest.mark.parametrize("model", ["gpt-6-luna", "qwen3-32b"])
@given(days=st.integers(-1000, 3000))
def test_a_table_is_old_exactly_when_its_day_is_more_than_90_days_ago(model: str, days: int) -> None:
    notices = price_notices([model], NOON, on(table(READ - timedelta(days=days))))
    assert bool(notices) == (days > 90)
