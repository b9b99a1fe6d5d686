from datetime import timedelta

import pytest
from hypothesis import given

from pressrun.calls import Route, StepName, Usage
from pressrun.costs.ledger import CallEstimate, CallStatus
from pressrun.costs.lessons import NO_LESSONS, Lessons, learn

from .books import NOW, a_row, rows

MODEL = "gpt-6-luna"


def a_run(number: int, *, output: int = 3000, cached: int = 0, **changes):
    """Two articles of one run, estimated at 2,000 tokens in and out each, and really taking 2,500 and `output`."""
    usage = Usage(input=2500, cached=cached, output=output)
    estimate = CallEstimate(input_tokens=2000, output_tokens=2000)
    at = NOW + timedelta(days=number)
    return [
        a_row(run_id=f"run-{number}", usage=usage, estimate=estimate, asked_at=at, answered_at=at, **changes)
        for _ in range(2)
    ]


def taught(*runs, language: str = "en-GB"):
    return learn(row for run in runs for row in run).of(StepName.ARTICLES, MODEL, language)


def test_without_past_runs_the_estimate_stands_with_a_wide_range():
    lesson = NO_LESSONS.of(StepName.ARTICLES, MODEL, "en")
    estimate = Usage(input=1000, output=1000)
    assert lesson.runs == 0
    assert lesson.usage(estimate, "expected") == estimate
    assert lesson.usage(estimate, "low").output < 1000 < lesson.usage(estimate, "high").output


def test_past_runs_teach_what_calls_really_take():
    lesson = taught(a_run(1), a_run(2), a_run(3))
    assert lesson.runs == 3
    assert lesson.usage(Usage(input=4000, output=4000), "expected") == Usage(input=5000, output=6000)


def test_the_range_is_that_of_the_runs_and_wider_while_they_are_few():
    many = taught(a_run(1, output=2000), a_run(2, output=3000), a_run(3, output=4000))
    assert (many.output.low, many.output.expected, many.output.high) == (1.0, 1.5, 2.0)
    few = taught(a_run(1, output=3000))
    assert few.output.low < 1.5 < few.output.high


def test_what_the_cache_served_is_expected_again_but_not_at_worst():
    lesson = taught(a_run(1, cached=1250))
    assert lesson.usage(Usage(input=4000, output=1), "expected").cached == 2500
    assert lesson.usage(Usage(input=4000, output=1), "high").cached == 0


def test_repairs_teach_that_a_step_costs_more_than_its_calls():
    repair = a_row(run_id="run-1", usage=Usage(input=2500, output=3000), estimate=CallEstimate(), repairs="x")
    assert taught([*a_run(1), repair]).output.expected == pytest.approx(2.25)


def test_a_site_learns_from_its_own_language_first():
    english, chinese = a_run(1, output=2000), a_run(2, output=4000, language="zh-TW")
    assert taught(english, chinese, language="zh-TW").output.expected == 2
    assert taught(english, chinese, language="de").output.expected == 1.5


def test_the_latest_runs_count():
    assert taught(*(a_run(number, output=2000 if number > 5 else 9000) for number in range(1, 26))).output.expected == 1


def test_failures_and_rows_without_an_estimate_teach_nothing():
    assert taught(a_run(1, status=CallStatus.FAILED)).runs == 0
    assert taught([a_row(estimate=CallEstimate())]).runs == 0


def test_how_long_calls_take_is_learned_by_route():
    slow = [a_row(asked_at=NOW, answered_at=NOW + timedelta(minutes=minutes)) for minutes in (10, 20, 60)]
    assert learn(slow).seconds(StepName.ARTICLES, Route.BATCH) == 1200.0
    assert learn(slow).seconds(StepName.ARTICLES, Route.REALTIME) is None


def test_lessons_can_be_kept_as_json():
    lessons = learn([*a_run(1), *a_run(2, language="zh-TW")])
    assert Lessons.model_validate_json(lessons.model_dump_json()) == lessons


@given(rows)
def test_any_ledger_teaches_something_sensible(ledger):
    for lesson in learn(ledger).by_key.values():
        assert lesson.output.low <= lesson.output.expected <= lesson.output.high
        assert lesson.cached_share >= 0
