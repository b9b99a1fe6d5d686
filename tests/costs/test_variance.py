from decimal import Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.calls import Route, StepName, Usage
from pressrun.costs.explain import explanation
from pressrun.costs.forecast import Forecast, LineForecast, forecast_costs
from pressrun.costs.ledger import CallEstimate, CallStatus
from pressrun.costs.report import cost_report
from pressrun.costs.variance import CAUSES
from pressrun.prices import Tier

from .books import NOW, a_forecast_line, a_row

EXACT = Context(prec=200)
"""Digits enough for any sum here: the tests' own arithmetic must not round either."""
NOTHING = {"status": CallStatus.FAILED, "usage": Usage(), "cost_usd": Decimal(0), "planned_usd": Decimal(0)}

_money = st.decimals(0, 1000, places=12)
_share = st.decimals(0, 9, places=26)
"""Such as the thirteenth part of a price."""
rows = st.lists(
    st.builds(
        a_row,
        step=st.sampled_from(StepName),
        tier=st.sampled_from(Tier),
        status=st.sampled_from(CallStatus),
        cost_usd=_money,
        planned_usd=_money,
        estimate=st.builds(CallEstimate, tier=st.none() | st.sampled_from(Tier), usd=_share),
    ),
    max_size=10,
)


def a_line(usd: Decimal, **line) -> LineForecast:
    """One that is priced at `usd`, whatever its tokens come to."""
    return forecast_costs([a_forecast_line(**line)], NOW).lines[0].model_copy(update={"usd": usd})


forecasts = st.builds(
    Forecast,
    lines=st.lists(
        st.builds(
            a_line,
            usd=st.just(Decimal(0)) | st.decimals("0.000001", 9, places=26),
            step=st.sampled_from(StepName),
            calls=st.integers(0, 20),
        ),
        max_size=3,
        unique_by=lambda line: line.line.step,
    ),
)


def exact_sum(amounts) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def a_forecast(usd="0.06", **line) -> Forecast:
    return Forecast(lines=[a_line(Decimal(usd), **line)])


def foreseen(cost="0.01", *, planned=None, expected="0.01", **changes):
    estimate = CallEstimate(tier=Tier.BATCH, usd=Decimal(expected))
    money = {"cost_usd": Decimal(cost), "planned_usd": Decimal(planned or cost)}
    return a_row(**{**money, "estimate": estimate, **changes})


def unforeseen(cost):
    return a_row(cost_usd=Decimal(cost), planned_usd=Decimal(cost), estimate=CallEstimate(), repairs="c")


def causes(*rows, forecast=None):
    """Of the articles, without those that are nothing."""
    table = cost_report(rows, forecast or a_forecast()).variance
    return {name: table.loc["articles", name] for name in CAUSES if table.loc["articles", name]}


def sentence(*rows, forecast=None):
    [text] = explanation(cost_report(rows, forecast or a_forecast()).variance)
    return text


@settings(max_examples=25)
@given(rows, forecasts)
def test_the_causes_add_up_to_actual_less_forecast_to_the_last_digit(rows, forecast):
    table = cost_report(rows, forecast).variance
    assert set(table.index) == {row.step for row in rows} | set(forecast.by_step)
    for step, row in table.to_dict("index").items():
        actual = sum((one.cost_usd for one in rows if one.step == step), Decimal(0))
        expected = forecast.by_step.get(StepName(step), Decimal(0))
        assert (row["actual_usd"], row["forecast_usd"]) == (actual, expected)
        assert exact_sum(row[cause] for cause in CAUSES) == EXACT.subtract(actual, expected) == row["variance_usd"]


@settings(max_examples=25)
@given(rows, forecasts)
def test_each_cause_is_the_sum_of_its_own_rows(rows, forecast):
    for step, row in cost_report(rows, forecast).variance.to_dict("index").items():
        mine = [one for one in rows if one.step == step]
        planned = [one for one in mine if one.estimate.tier]
        expected = exact_sum(one.estimate.usd for one in planned if one.status is not CallStatus.FAILED)
        assert row["unforeseen_usd"] == sum(one.cost_usd for one in mine if one.estimate.tier is None)
        assert row["route_usd"] == sum(one.cost_usd - one.planned_usd for one in planned)
        assert row["usage_usd"] == EXACT.subtract(exact_sum(one.planned_usd for one in planned), expected)
        assert row["calls_usd"] == EXACT.subtract(expected, row["forecast_usd"])


@settings(max_examples=25)
@given(rows, forecasts)
def test_there_is_a_sentence_whenever_a_step_is_off(rows, forecast):
    table = cost_report(rows, forecast).variance
    assert len(explanation(table)) == any(table["variance_usd"])


def test_a_run_that_went_as_planned_has_nothing_to_explain():
    assert causes(*[foreseen()] * 6) == {}
    assert explanation(cost_report([foreseen()] * 6, a_forecast()).variance) == []
    assert explanation(cost_report([foreseen()]).variance) == []


def test_calls_that_fell_back_to_real_time_are_the_cause():
    dear = foreseen("0.02", planned="0.01", route=Route.REALTIME, tier=Tier.STANDARD)
    rows = [*[foreseen()] * 4, dear, dear]
    assert causes(*rows) == {"route_usd": Decimal("0.02")}
    assert sentence(*rows) == "Articles cost 33.3% more than forecast, because 2 calls fell back to real time."


def test_a_call_that_another_route_served_is_named_with_that_route():
    flex = foreseen("0.005", planned="0.01", route=Route.FLEX, tier=Tier.FLEX)
    text = "Articles cost 8.3% less than forecast, because 1 call was served by a different route (flex)."
    assert sentence(*[foreseen()] * 5, flex) == text


def test_a_repair_counts_with_its_whole_cost():
    rows = [*[foreseen()] * 5, foreseen(status=CallStatus.INVALID), unforeseen("0.015")]
    assert causes(*rows) == {"unforeseen_usd": Decimal("0.015")}
    assert sentence(*rows).endswith("25.0% more than forecast, because 1 call was not in the plan.")


def test_longer_replies_are_other_usage():
    rows = [foreseen("0.011")] * 6
    assert causes(*rows) == {"usage_usd": Decimal("0.006")}
    assert sentence(*rows).endswith("because the tokens used cost more than expected.")


def test_a_planned_call_that_failed_or_was_never_made_lowers_the_cost():
    rows = [*[foreseen()] * 4, foreseen(**NOTHING)]
    assert causes(*rows) == {"calls_usd": Decimal("-0.02")}
    assert sentence(*rows) == "Articles cost 33.3% less than forecast, because 2 calls in the plan were not answered."


def test_more_calls_than_planned_raise_it():
    assert causes(*[foreseen()] * 7) == {"calls_usd": Decimal("0.01")}
    assert sentence(*[foreseen()] * 7).endswith("because there was 1 call more than planned.")


def test_calls_that_were_expected_to_cost_another_sum_when_they_were_made_are_said_to_be():
    rows = [foreseen("0.011", expected="0.011")] * 6
    assert sentence(*rows).endswith("the calls as sent were expected to cost more than the calls as forecast.")


@pytest.mark.parametrize(
    ("usage", "repair", "how"),
    [("0.011", "0.02", "mostly because 1 call was"), ("0.0102", "0.001", "mostly because the tokens")],
)
def test_the_largest_cause_is_the_one_that_is_named(usage, repair, how):
    assert how in sentence(*[foreseen(usage)] * 6, unforeseen(repair))


def test_a_cause_of_less_than_half_is_not_said_to_be_most_of_it():
    dear = foreseen("0.02", planned="0.01", route=Route.REALTIME, tier=Tier.STANDARD)
    rows = [*[foreseen("0.012", expected="0.01")] * 5, dear, foreseen(), unforeseen("0.01")]
    assert set(causes(*rows).values()) == {Decimal("0.01")}
    assert "66.7% more than forecast, mainly because 1 call was not in the plan" in sentence(*rows)


def test_a_cause_in_the_other_direction_is_never_the_reason():
    rows = [*[foreseen("0.012")] * 5, foreseen(**NOTHING), unforeseen("0.001")]
    assert causes(*rows)["calls_usd"] == Decimal("-0.01")
    assert sentence(*rows).startswith("Articles cost 1.7% more than forecast, mostly because the tokens")


def test_a_step_that_was_not_forecast_is_given_in_dollars():
    rows = [*[foreseen()] * 6, a_row(step=StepName.SEO, cost_usd=Decimal("0.5"), estimate=CallEstimate())]
    text = (
        "The SEO tags cost $0.50, although the forecast had nothing for this step, because 1 call was not in the plan."
    )
    assert sentence(*rows) == text


def test_the_step_that_is_furthest_off_in_dollars_is_the_one_that_is_named():
    images = foreseen("0.9", expected="1", step=StepName.IMAGES)
    forecast = Forecast(lines=[*a_forecast().lines, *a_forecast("1", step=StepName.IMAGES, calls=1).lines])
    assert sentence(*[foreseen("0.02")] * 6, images, forecast=forecast).startswith("Images cost 10.0% less")
