from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pressrun.calls import Endpoint, Route, StepName, Usage
from pressrun.costs.ledger import CallEstimate, CallStatus, LedgerRow, Origin, ledger_row
from pressrun.errors import UnknownPrice
from pressrun.prices import AT_OPENAI, PriceTable, Tier, tariff_of

from .books import NOW, a_call, a_reply, an_answer

REALTIME_COST = (1000 * Decimal("0.10") + 1000 * Decimal("0.01") + 2000 * Decimal("0.50")) / 1_000_000


def entered(call=None, *, valid=True, tariff=AT_OPENAI, estimate=None, **answer) -> LedgerRow:
    call = call or a_call()
    origin = Origin(run_id="run-1", provider="p", language="en")
    reply = an_answer(call, **answer)
    return ledger_row(call, reply, valid=valid, at=NOW, origin=origin, tariff=tariff, estimate=estimate)


def test_a_real_time_answer_costs_what_its_baseline_costs():
    row = entered()
    assert row.tier is Tier.STANDARD
    assert row.cost_usd == row.realtime_usd == REALTIME_COST


def test_a_batch_answer_costs_half_and_keeps_the_real_time_price_as_baseline():
    row = entered(route=Route.BATCH, batch_id="batch_7")
    assert (row.route, row.tier, row.batch_id) == (Route.BATCH, Tier.BATCH, "batch_7")
    assert row.cost_usd == REALTIME_COST / 2
    assert row.realtime_usd == REALTIME_COST


@pytest.mark.parametrize(
    ("echoed", "tier", "factor"),
    [
        ("default", Tier.STANDARD, Decimal(1)),
        ("flex", Tier.FLEX, Decimal("0.5")),
        ("priority", Tier.PRIORITY, Decimal(2)),
        ("fast", Tier.PRIORITY, Decimal(2)),
        (None, Tier.STANDARD, Decimal(1)),
    ],
)
def test_a_real_time_answer_is_billed_at_the_tier_that_its_reply_echoes(echoed, tier, factor):
    row = entered(body=a_reply(service_tier=echoed))
    assert row.tier is tier
    assert row.cost_usd == REALTIME_COST * factor
    assert row.realtime_usd == REALTIME_COST


def test_an_answer_by_flex_costs_half_and_keeps_the_real_time_price_as_baseline():
    row = entered(route=Route.FLEX, body=a_reply(service_tier="flex"))
    assert (row.route, row.tier) == (Route.FLEX, Tier.FLEX)
    assert row.cost_usd == REALTIME_COST / 2 == Decimal("0.000555")
    assert row.realtime_usd == REALTIME_COST


@pytest.mark.parametrize("echoed", ["default", None, ["flex"], {}])
def test_a_discount_that_the_reply_does_not_confirm_is_not_assumed(echoed):
    row = entered(route=Route.FLEX, body=a_reply(service_tier=echoed))
    assert row.tier is Tier.STANDARD
    assert row.cost_usd == row.realtime_usd == REALTIME_COST


def test_what_a_batch_line_echoes_does_not_change_its_price():
    assert entered(route=Route.BATCH, body=a_reply(service_tier="priority")).tier is Tier.BATCH


def test_an_echoed_tier_without_a_price_is_entered_at_standard_and_says_so():
    row = entered(a_call("gpt-4o-mini"), body=a_reply(service_tier="flex"))
    assert row.tier is Tier.STANDARD
    assert row.cost_usd == row.realtime_usd > 0
    assert "served at flex, whose price is unknown" in row.price_source


def test_the_model_is_the_one_asked_for_and_not_the_snapshot_that_replied():
    row = entered(a_call("gpt-6-sol"), body=a_reply(model="gpt-6-sol-2026-07-07"))
    assert row.model == "gpt-6-sol"


def test_a_failed_call_costs_nothing_and_is_still_a_row():
    row = entered(error="the provider refused it", code="400", valid=False)
    assert row.status is CallStatus.FAILED
    assert row.cost_usd == row.realtime_usd == 0


def test_an_error_that_reports_usage_is_billed_like_an_invalid_reply():
    row = entered(error="upstream timed out", code="502", usage=Usage(input=1000, output=500))
    assert row.status is CallStatus.INVALID
    assert row.cost_usd == row.realtime_usd > 0


def test_an_invalid_reply_is_billed():
    row = entered(valid=False)
    assert row.status is CallStatus.INVALID
    assert row.cost_usd == REALTIME_COST


def test_an_answer_that_an_earlier_run_paid_for_keeps_its_payer():
    row = entered(run_id="run-0")
    assert (row.run_id, row.reused) == ("run-0", True)


@pytest.mark.parametrize("payer", [None, "run-1"])
def test_an_answer_of_this_run_is_not_reused(payer):
    row = entered(run_id=payer)
    assert (row.run_id, row.reused) == ("run-1", False)


def test_an_answer_is_priced_as_of_its_own_time():
    august = datetime(2026, 6, 1, tzinfo=UTC)
    row = entered(a_call("gpt-5.6-luna"), answered_at=august)
    assert row.answered_at == august
    assert row.realtime_usd == entered(a_call("gpt-5.6-luna")).realtime_usd * 5  # its price fell to a fifth in July


def test_an_answer_to_another_call_is_not_entered():
    with pytest.raises(ValueError, match="was entered for"):
        entered(call_id="somebody-else")


def test_a_model_without_a_price_is_not_entered_at_nothing():
    with pytest.raises(UnknownPrice):
        entered(a_call("qwen3-32b"))


def test_the_users_table_prices_the_row():
    entry = {"source": "s", "as_of": "2026-11-01", "standard": {"input": 1, "output": 2}}
    table = PriceTable.model_validate({"name": "mine", "models": {"qwen3-32b": entry}})
    row = entered(a_call("qwen3-32b"), tariff=tariff_of("https://api.openai.com/v1", table))
    assert row.cost_usd == Decimal("0.006")
    assert row.price_source == "mine (as of 2026-11-01: s)"


def test_an_image_is_billed_by_its_image_tokens():
    usage = {
        "input_tokens": 40,
        "input_tokens_details": {"text_tokens": 40, "image_tokens": 0},
        "output_tokens": 1056,
    }
    call = a_call(
        step=StepName.IMAGES, endpoint=Endpoint.IMAGES, body={"model": "gpt-image-2.5-flare", "prompt": "A loaf."}
    )
    row = entered(call, body={"data": [], "usage": usage}, route=Route.BATCH)
    assert row.usage.output_image == 1056
    assert row.cost_usd == (40 * Decimal("2.5") + 1056 * 15) / 1_000_000
    assert row.realtime_usd == row.cost_usd * 2


def test_what_a_call_cost_is_its_rates_times_its_tokens():
    row = entered(route=Route.BATCH, batch_id="batch_7")
    assert row.rates.cost(row.usage) == row.cost_usd
    assert row.price_as_of <= NOW.date()


def test_a_batch_answers_a_call_once_whenever_it_is_read():
    first, second = (entered(batch_id="batch_7", answered_at=at) for at in (NOW, NOW + timedelta(hours=1)))
    assert first.entry_id == second.entry_id
    assert first.entry_id != entered(batch_id="batch_8").entry_id


def test_each_answer_in_real_time_is_a_payment_of_its_own():
    first, second = (entered(answered_at=at) for at in (NOW, NOW + timedelta(seconds=1)))
    assert first.entry_id != second.entry_id


def test_a_fallback_to_real_time_shows_beside_what_the_planned_route_would_have_cost():
    row = entered(estimate=CallEstimate(tier=Tier.BATCH, usd=Decimal("0.0006")))
    assert row.planned_usd == REALTIME_COST / 2
    assert row.cost_usd == REALTIME_COST


def test_a_call_that_nobody_foresaw_was_served_as_planned():
    assert entered().planned_usd == entered().cost_usd
    assert entered().estimate == CallEstimate()


def test_a_region_of_openai_makes_cost_plan_and_baseline_a_tenth_dearer():
    region = tariff_of("https://eu.api.openai.com/v1")
    estimate = CallEstimate(tier=Tier.BATCH)
    plain, regional = (
        entered(route=Route.BATCH, batch_id="batch_7", estimate=estimate, tariff=tariff)
        for tariff in (AT_OPENAI, region)
    )
    for figure in ("cost_usd", "planned_usd", "realtime_usd"):
        assert getattr(regional, figure) == getattr(plain, figure) * 11 / 10
    assert regional.cost_usd == regional.rates.cost(regional.usage)
    assert "plus 10 % for eu.api.openai.com" in regional.price_source
