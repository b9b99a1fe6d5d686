import csv
import io
import json
from decimal import Decimal

import pytest

from pressrun.calls import Route, StepName
from pressrun.costs.ledger import CallEstimate
from pressrun.costs.lessons import Lessons, learn
from pressrun.costs.money import usd
from pressrun.plan import Plan, make_plan
from pressrun.planreport import (
    advice,
    describe_plans,
    expected_duration,
    plans_csv,
    plans_json,
    say_basis,
    say_finish,
)
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy, Preference
from tests.builders import a_brief
from tests.calls_builder import NOW
from tests.costs.books import a_row

SLOW = {f"{step} {route}": 60.0 for step in StepName for route in Route}
"""Any call takes a minute, whatever its route."""


def a_plan(*, lessons: Lessons | None = None, image_model: str = "gpt-image-2.5-flare", **strategy: object) -> Plan:
    settings = Settings(_env_file=None, image_model=image_model)
    brief = a_brief(slug=strategy.pop("slug", "harbour-bakery"))
    return make_plan(brief, BatchStrategy(**strategy), settings, NOW, lessons or Lessons())


def test_while_images_go_in_real_time_their_batch_is_the_first_thing_that_is_advised() -> None:
    first, *_ = advice(a_plan())
    assert 'Step "10 images" by batch would save $0.31' in first.text
    assert "`images: always_batch`" in first.text


def test_everything_by_batch_leaves_nothing_to_advise() -> None:
    assert advice(a_plan(preference=Preference.COST)) == []


def test_a_saving_of_less_than_a_hundredth_is_not_worth_saying() -> None:
    assert [one for one in advice(a_plan()) if "configuration" in one.text] == []


def test_of_images_that_cannot_be_batched_it_is_said_that_others_can() -> None:
    [first] = advice(a_plan(image_model="chatgpt-image-latest"))
    assert "cannot be batched with chatgpt-image-latest" in first.text


def test_nobody_knows_how_long_a_first_run_takes() -> None:
    assert expected_duration(a_plan()) is None
    assert say_finish(a_plan()).startswith(
        "The duration is unknown, as there are no past runs. The maximum wait for a batch is 1 day"
    )


def test_the_batch_and_the_real_time_calls_go_side_by_side_after_the_configuration() -> None:
    plan = a_plan(lessons=Lessons(by_route=SLOW))
    # The configuration, then thirteen images eight at a time, which take longer than the batch.
    assert expected_duration(plan).total_seconds() == 60 + 2 * 60
    assert say_finish(plan).startswith("Expected duration, based on past runs: 3 minutes.")


def test_without_a_batch_nothing_waits_for_one() -> None:
    assert say_finish(a_plan(preference=Preference.SPEED)).endswith("No step waits for a batch.")


def test_figures_that_past_runs_taught_say_so() -> None:
    estimate = CallEstimate(input_tokens=100, output_tokens=100)
    rows = [
        a_row(step=step, model=model, run_id=f"run-{number}", estimate=estimate)
        for number in (1, 2)
        for step in StepName
        for model in ("gpt-6-luna", "gpt-image-2.5-flare")
    ]
    plan = a_plan(lessons=learn(rows))
    assert say_basis(plan.forecast) == "based on 2 past runs"
    assert plan.forecast.low < plan.forecast.total < plan.forecast.high
    assert say_basis(a_plan().forecast).startswith("token counts are estimates")


def test_several_sites_are_described_with_their_sum_and_a_year_of_their_mean() -> None:
    plans = [a_plan(), a_plan(slug="other")]
    text = describe_plans(plans, 40)
    total = sum((plan.forecast.total for plan in plans), Decimal(0))
    assert f"Forecast **{usd(total)}** in total." in text
    assert f"40 such sites a year: {usd(total * 20)}" in text


def test_csv_and_json_have_every_step_with_every_digit() -> None:
    plans = [a_plan(), a_plan(slug="other")]
    rows = list(csv.DictReader(io.StringIO(plans_csv(plans))))
    assert len(rows) == 2 * 5
    assert sum(Decimal(row["forecast_usd"]) for row in rows) == sum(plan.forecast.total for plan in plans)
    [images] = [row for row in rows if row["step"] == "images" and row["site"] == "other"]
    assert images["flex_usd"] == ""
    data = json.loads(plans_json(plans, 10))
    assert Decimal(data["yearly_usd"]) == Decimal(data["total_usd"]) * 5
    assert data["sites"][0]["advice"]


@pytest.mark.parametrize("preference", list(Preference))
def test_the_parts_expected_of_a_steps_calls_add_up_to_its_line(preference: Preference) -> None:
    plan = a_plan(preference=preference)
    for line in plan.forecast.lines:
        parts = [line.line.share(number) for number in range(line.line.calls)]
        assert sum(line.rates.cost(part) for part in parts) == line.usd
