from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pressrun.calls import Route, StepName
from pressrun.costs.forecast import Forecast, forecast_costs
from pressrun.errors import UnknownPrice
from pressrun.prices import Tier

from .books import NOW, a_forecast_line

IMAGES = a_forecast_line(
    step=StepName.IMAGES,
    model="gpt-image-2.5-flare",
    calls=13,
    input_tokens=1300,
    output_tokens=13_728,
    image_output_tokens=13_728,
)


def test_a_line_is_priced_on_its_route_and_on_every_other_tier():
    [line] = forecast_costs([a_forecast_line()], NOW).lines
    assert line.usd == Decimal("0.0036")
    assert line.usd_by_tier == {
        Tier.STANDARD: Decimal("0.0072"),
        Tier.BATCH: Decimal("0.0036"),
        Tier.FLEX: Decimal("0.0036"),
    }


def test_a_step_by_flex_has_the_flex_price():
    [line] = forecast_costs([a_forecast_line(route=Route.FLEX)], NOW).lines
    assert (line.usd, line.realtime_usd) == (Decimal("0.0036"), Decimal("0.0072"))


def test_a_step_by_flex_without_a_flex_price_is_refused():
    with pytest.raises(UnknownPrice, match=r"flex price of gpt-4o-mini is unknown"):
        forecast_costs([a_forecast_line(model="gpt-4o-mini", route=Route.FLEX)], NOW)


def test_images_are_priced_by_their_output_tokens():
    [line] = forecast_costs([IMAGES], NOW).lines
    assert line.realtime_usd == (1300 * 5 + 13_728 * 30) / Decimal(1_000_000)
    assert Tier.FLEX not in line.usd_by_tier


def test_totals_savings_and_steps_add_up():
    config = a_forecast_line(step=StepName.CONFIG, route=Route.REALTIME, calls=1, input_tokens=5000, output_tokens=8000)
    forecast = forecast_costs([config, a_forecast_line(), a_forecast_line(route=Route.REALTIME)], NOW)
    assert forecast.by_step == {StepName.CONFIG: Decimal("0.0045"), StepName.ARTICLES: Decimal("0.0108")}
    assert forecast.total == Decimal("0.0153")
    assert forecast.realtime_total == Decimal("0.0189")
    assert forecast.saving == Decimal("0.0036")


def test_a_route_without_a_price_refuses_the_whole_forecast():
    with pytest.raises(UnknownPrice, match=r"batch price of gpt-image-2\.6-flare"):
        forecast_costs([a_forecast_line(), a_forecast_line(model="gpt-image-2.6-flare")], NOW)


def test_a_tier_that_was_not_chosen_may_lack_a_price():
    line = a_forecast_line(model="gpt-image-2.6-flare", route=Route.REALTIME)
    assert set(forecast_costs([line], NOW).lines[0].usd_by_tier) == {Tier.STANDARD}


def test_the_rates_for_long_prompts_depend_on_one_call_and_not_on_the_sum():
    many = a_forecast_line(calls=100, input_tokens=100 * 100_000, output_tokens=0)
    one = a_forecast_line(calls=1, input_tokens=300_000, output_tokens=0)
    costs = [line.usd for line in forecast_costs([many, one], NOW).lines]
    assert costs == [Decimal("0.5"), Decimal("0.03")]


def test_image_tokens_above_the_output_are_an_error():
    with pytest.raises(ValidationError, match="cannot exceed"):
        a_forecast_line(output_tokens=1, image_output_tokens=2)


def test_a_step_without_calls_costs_nothing():
    assert forecast_costs([a_forecast_line(calls=0, input_tokens=0, output_tokens=0)], NOW).total == 0


def test_a_forecast_survives_being_stored():
    forecast = forecast_costs([a_forecast_line(), IMAGES], NOW)
    assert Forecast.model_validate_json(forecast.model_dump_json()) == forecast


lines = st.lists(
    st.builds(
        a_forecast_line,
        step=st.sampled_from(StepName),
        route=st.sampled_from(Route),
        model=st.sampled_from(["gpt-6-luna", "gpt-6-sol", "gpt-5.6-luna"]),
        calls=st.integers(0, 50),
        input_tokens=st.integers(0, 10**7),
        output_tokens=st.integers(0, 10**6),
    ),
    max_size=8,
)


@settings(max_examples=30)
@given(lines)
def test_the_steps_sum_to_the_total_and_no_forecast_is_above_its_baseline(lines):
    forecast = forecast_costs(lines, NOW)
    assert sum(forecast.by_step.values(), Decimal(0)) == forecast.total
    assert forecast.total + forecast.saving == forecast.realtime_total
    assert forecast.saving >= 0
