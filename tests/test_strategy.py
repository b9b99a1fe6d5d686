import json
from datetime import timedelta
from pathlib import Path

import pytest

from pressrun.calls import Route, StepName
from pressrun.errors import BadBrief, ProviderUnfit
from pressrun.strategy import BatchStrategy, Policy, Preference, RealtimeTier, load_strategy

THE_BRIEFS_OWN = {
    "batch_strategy": {
        "articles": "always_batch",
        "config": "user_choice",
        "images": "never_batch",
        "max_wait_time": "6_hours",
    }
}


def routes(strategy: BatchStrategy) -> dict[str, Route]:
    """Of the steps, where images cannot go by flex, as at OpenAI."""
    return {
        step: strategy.resolve(step, "m", batchable=True, flexible=step is not StepName.IMAGES).route
        for step in StepName
    }


def test_the_briefs_own_json_loads_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "strategy.json"
    file.write_text(json.dumps(THE_BRIEFS_OWN))
    strategy = load_strategy(file)
    assert strategy.articles is Policy.ALWAYS_BATCH
    assert strategy.images is Policy.NEVER_BATCH
    assert strategy.max_wait_time == timedelta(hours=6)


@pytest.mark.parametrize("text", ["6_hours", "6h", "PT6H", "6 hours", "360m"])
def test_six_hours_may_be_written_in_many_ways(text: str) -> None:
    assert BatchStrategy.model_validate({"max_wait_time": text}).max_wait_time == timedelta(hours=6)


@pytest.mark.parametrize("text", [6, "6", "", "soon", "-1h", "0h", True, None, "nan", "9" * 400 + "h"])
def test_a_wait_that_is_no_positive_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        BatchStrategy.model_validate({"max_wait_time": text})


def test_balanced_is_the_default_and_the_briefs_hybrid() -> None:
    assert routes(BatchStrategy()) == {
        "config": Route.REALTIME,
        "articles": Route.BATCH,
        "images": Route.REALTIME,
        "descriptions": Route.BATCH,
        "seo": Route.BATCH,
        "review": Route.REALTIME,
    }


def test_speed_takes_everything_real_time_but_what_must_be_batched() -> None:
    strategy = BatchStrategy(preference=Preference.SPEED, articles=Policy.ALWAYS_BATCH)
    assert [step for step, route in routes(strategy).items() if route is Route.BATCH] == ["articles"]


def test_cost_takes_everything_to_batch_but_what_must_not_be_and_cannot_be() -> None:
    strategy = BatchStrategy(preference=Preference.COST, config=Policy.NEVER_BATCH)
    assert [step for step, route in routes(strategy).items() if route is Route.REALTIME] == ["config", "review"]
    chosen = strategy.resolve(StepName.IMAGES, "gpt-image-2.6-flare", batchable=False)
    assert chosen.route is Route.REALTIME
    assert "gpt-image-2.6-flare cannot be batched" in chosen.reason


def test_a_step_that_must_be_batched_on_a_model_that_cannot_is_refused() -> None:
    with pytest.raises(ProviderUnfit, match=r"images.*always_batch.*Nothing was spent"):
        BatchStrategy(images=Policy.ALWAYS_BATCH).resolve(StepName.IMAGES, "m", batchable=False)


def test_visual_feedback_is_off_and_never_batched_unless_it_is_asked_for() -> None:
    strategy = BatchStrategy()
    assert (strategy.review_images, strategy.regenerate_below) == (0, None)
    assert strategy.resolve(StepName.REVIEW, "m", batchable=True).reason == "policy never_batch"
    by_batch = BatchStrategy(review="user_choice", preference="cost", review_images=3, regenerate_below=60)
    assert by_batch.resolve(StepName.REVIEW, "m", batchable=True).route is Route.BATCH


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"review_images": -1}, "greater than or equal to 0"),
        ({"review_images": 3, "regenerate_below": 0}, "greater than or equal to 1"),
        ({"review_images": 3, "regenerate_below": 101}, "less than or equal to 100"),
        ({"regenerate_below": 60}, "set review_images to the number of images to review"),
    ],
)
def test_images_that_nobody_looks_at_or_scores_that_nobody_gives_are_refused(
    fields: dict[str, int], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        BatchStrategy.model_validate(fields)


def test_real_time_is_paid_at_the_standard_tier_unless_flex_is_asked_for() -> None:
    assert BatchStrategy().realtime_tier is RealtimeTier.STANDARD
    assert Route.FLEX not in routes(BatchStrategy(preference=Preference.SPEED)).values()


def test_flex_takes_the_steps_that_would_go_in_real_time_and_no_others() -> None:
    assert routes(BatchStrategy(realtime_tier="flex")) == {
        "config": Route.FLEX,
        "articles": Route.BATCH,
        "images": Route.REALTIME,
        "descriptions": Route.BATCH,
        "seo": Route.BATCH,
        "review": Route.FLEX,
    }
    everything_now = routes(BatchStrategy(realtime_tier="flex", preference=Preference.SPEED))
    assert [step for step, route in everything_now.items() if route is not Route.FLEX] == ["images"]


@pytest.mark.parametrize(
    ("flexible", "route", "reason"),
    [
        (True, Route.FLEX, "policy never_batch; flex: cheaper, slower"),
        (False, Route.REALTIME, "policy never_batch; flex is not offered for gpt-4o-mini here"),
    ],
)
def test_a_step_that_goes_by_flex_or_cannot_says_so(flexible: bool, route: Route, reason: str) -> None:
    strategy = BatchStrategy(realtime_tier="flex", config=Policy.NEVER_BATCH)
    chosen = strategy.resolve(StepName.CONFIG, "gpt-4o-mini", batchable=True, flexible=flexible)
    assert (chosen.route, chosen.reason) == (route, reason)


@pytest.mark.parametrize(
    ("tier", "flexible", "realtime"),
    [("standard", True, Route.REALTIME), ("flex", True, Route.FLEX), ("flex", False, Route.REALTIME)],
)
def test_a_batched_step_knows_how_what_it_leaves_over_goes_in_real_time(
    tier: str, flexible: bool, realtime: Route
) -> None:
    chosen = BatchStrategy(realtime_tier=tier).resolve(StepName.ARTICLES, "m", batchable=True, flexible=flexible)
    assert (chosen.route, chosen.realtime) == (Route.BATCH, realtime)
    assert "flex" not in chosen.reason


def test_faults_of_a_strategy_file_are_all_reported(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_text("preference: cheap\nmax_wait_time: 6\narticels: always_batch\n")
    with pytest.raises(BadBrief) as refused:
        load_strategy(file)
    assert len(refused.value.faults) == 3
    assert "line 3" in str(refused.value)
