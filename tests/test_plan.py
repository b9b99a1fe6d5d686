from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pressrun.brief import SiteBrief
from pressrun.calls import Route, StepName
from pressrun.costs.money import usd
from pressrun.errors import OverBudget, ProviderUnfit, UnknownPrice
from pressrun.plan import Plan, make_plan
from pressrun.planreport import describe_plan
from pressrun.routes.needs import Need
from pressrun.settings import Settings
from pressrun.steps import CONFIG, PIPELINE
from pressrun.strategy import BatchStrategy, Policy, Preference
from tests.builders import a_brief

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

PRICES = """\
models:
  qwen3-32b:
    source: our own machine
    as_of: 2026-11-01
    standard: {input: 0.2, output: 0.4}
"""


def a_plan(
    brief: SiteBrief | None = None, now: datetime = NOW, settings: Settings | None = None, **strategy: object
) -> Plan:
    return make_plan(brief or a_brief(), BatchStrategy(**strategy), settings or some_settings(), now)


def some_settings(**changes: object) -> Settings:
    return Settings(_env_file=None, **changes)


def test_the_forecast_counts_the_calls_of_each_step() -> None:
    brief = a_brief(article_count=8, image_count=20, pages=["Home", "Services", "Contact"])
    counts = {line.line.step: line.line.calls for line in a_plan(brief).forecast.lines}
    assert counts == {"config": 1, "articles": 8, "images": 20, "descriptions": 1, "seo": 1}


@pytest.mark.parametrize("language", ["en-GB", "zh-TW"])
def test_each_line_expects_input_and_output_and_only_images_expect_image_tokens(language: str) -> None:
    for priced in a_plan(a_brief(language=language, slug="a-site")).forecast.lines:
        line = priced.line
        assert line.input_tokens >= 20 * line.calls
        assert line.output_tokens >= 50 * line.calls
        assert line.image_output_tokens == (line.output_tokens if line.step is StepName.IMAGES else 0)
        assert priced.usd > 0


def test_by_batch_everything_costs_half() -> None:
    forecast = a_plan(preference=Preference.COST).forecast
    assert forecast.total * 2 == forecast.realtime_total
    assert forecast.saving == forecast.total


def test_speed_saves_nothing_and_balanced_lies_between() -> None:
    speed, balanced, cost = (a_plan(preference=preference) for preference in Preference)
    assert speed.forecast.saving == 0
    assert speed.forecast.total > balanced.forecast.total > cost.forecast.total
    assert [Need.BATCHES in plan.needs for plan in (speed, balanced, cost)] == [False, True, True]


def test_a_cap_below_the_forecast_is_refused_with_both_sums() -> None:
    plan = a_plan()
    plan.stay_within(None)
    plan.stay_within(plan.forecast.total)
    with pytest.raises(OverBudget, match=r"harbour-bakery is \$0\.\d+, above the cap of \$0\.01\. Nothing was spent"):
        plan.stay_within(Decimal("0.01"))


def test_a_retired_model_is_refused_with_its_successor() -> None:
    with pytest.raises(ProviderUnfit, match=r"dall-e-3 .* Use gpt-image-2\.5-flare instead\. Nothing was spent\."):
        a_plan(settings=some_settings(image_model="dall-e-3"))


def test_a_model_within_90_days_of_its_end_is_warned_of_in_the_plan() -> None:
    plan = a_plan(settings=some_settings(text_model="gpt-4o-mini"))
    [warning] = plan.warnings
    assert "in 52 days" in warning
    assert f"> **Note:** {warning}" in describe_plan(plan)
    assert a_plan().warnings == []


def test_the_day_of_a_shutdown_is_counted_in_utc() -> None:
    settings = some_settings(text_model="gpt-4o-mini")
    taipei = datetime.fromisoformat("2027-01-14T07:59:00+08:00")
    assert "tomorrow" in a_plan(now=taipei, settings=settings).warnings[0]
    with pytest.raises(ProviderUnfit):
        a_plan(now=taipei + timedelta(minutes=1), settings=settings)


def test_a_model_without_a_batch_price_goes_real_time_under_cost() -> None:
    plan = a_plan(settings=some_settings(image_model="gpt-image-2.6-flare"), preference=Preference.COST)
    assert plan.route(StepName.IMAGES) is Route.REALTIME
    assert "gpt-image-2.6-flare cannot be batched" in plan.routes[StepName.IMAGES].reason
    assert plan.route(StepName.CONFIG) is Route.BATCH
    assert "| - |" in describe_plan(plan)


def test_and_is_refused_where_batch_is_the_policy() -> None:
    with pytest.raises(ProviderUnfit, match=r"images.*always_batch.*gpt-image-2\.6-flare"):
        a_plan(settings=some_settings(image_model="gpt-image-2.6-flare"), images=Policy.ALWAYS_BATCH)


def test_a_model_without_any_price_is_refused() -> None:
    with pytest.raises(UnknownPrice, match=r"qwen3-32b.*PRESSRUN_PRICES_FILE"):
        a_plan(settings=some_settings(text_model="qwen3-32b"))


def test_the_users_own_prices_make_an_unknown_model_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(PRICES)
    monkeypatch.setenv("PRESSRUN_PRICES_FILE", str(file))
    monkeypatch.setenv("PRESSRUN_TEXT_MODEL", "qwen3-32b")
    plan = a_plan(settings=some_settings())
    line = next(line for line in plan.forecast.lines if line.line.step is StepName.ARTICLES)
    # It has no batch price, so balanced cannot batch the articles.
    assert line.line.route is Route.REALTIME
    assert line.usd == (line.line.input_tokens * Decimal("0.2") + line.line.output_tokens * Decimal("0.4")) / 1_000_000
    assert "our own machine" in line.price_source


def test_a_batch_price_in_the_users_table_makes_a_model_batchable(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(f"{PRICES}    batch: {{input: 0.1, output: 0.2}}\n")
    plan = a_plan(settings=some_settings(text_model="qwen3-32b", prices_file=file))
    assert plan.route(StepName.ARTICLES) is Route.BATCH


def test_by_flex_text_costs_half_at_once_and_images_stay_in_real_time_with_the_reason() -> None:
    plan = a_plan(preference=Preference.SPEED, realtime_tier="flex")
    assert {step for step, route in plan.routes.items() if route.route is Route.FLEX} == {
        step.name for step in PIPELINE
    } - {"images"}
    assert plan.routes[StepName.IMAGES].reason.endswith("flex is not offered for gpt-image-2.5-flare here")
    for priced in plan.forecast.lines:
        assert priced.usd == priced.realtime_usd / (2 if priced.line.route is Route.FLEX else 1)
    by_batch = a_plan(preference=Preference.COST, images=Policy.NEVER_BATCH).forecast
    assert plan.forecast.total == by_batch.total
    assert Need.BATCHES not in plan.needs


def test_a_plan_with_flex_says_what_it_comes_to_without_it() -> None:
    plan = a_plan(preference=Preference.SPEED, realtime_tier="flex")
    text = describe_plan(plan)
    assert f"for a total of at most {usd(plan.forecast.realtime_total)}" in text
    line = next(line for line in plan.forecast.lines if line.line.step is StepName.ARTICLES)
    assert f"| flex | {usd(line.usd)} | {usd(line.realtime_usd)} |" in text
    assert "- **09 articles**: flex, gpt-6-luna (preference speed: answered at once; flex: cheaper, slower)" in text
    assert "flex has no capacity" not in describe_plan(a_plan())


def test_what_a_batch_leaves_over_goes_by_flex_too_when_flex_is_asked_for() -> None:
    plan = a_plan(preference=Preference.COST, realtime_tier="flex")
    assert plan.route(StepName.ARTICLES) is plan.route(StepName.IMAGES) is Route.BATCH
    assert plan.realtime_route(StepName.ARTICLES) is Route.FLEX
    assert plan.realtime_route(StepName.IMAGES) is Route.REALTIME
    assert a_plan(preference=Preference.COST).realtime_route(StepName.ARTICLES) is Route.REALTIME


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1-mini"])
def test_a_model_without_a_flex_price_stays_at_the_standard_price(model: str) -> None:
    plan = a_plan(settings=some_settings(text_model=model), preference=Preference.SPEED, realtime_tier="flex")
    assert {route.route for route in plan.routes.values()} == {Route.REALTIME}
    assert f"flex is not offered for {model} here" in plan.routes[StepName.CONFIG].reason


def test_a_flex_price_in_the_users_table_makes_a_model_flexible(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(f"{PRICES}    flex: {{input: 0.05, output: 0.3}}\n")
    plan = a_plan(settings=some_settings(text_model="qwen3-32b", prices_file=file), realtime_tier="flex")
    priced = next(line for line in plan.forecast.lines if line.line.step is StepName.CONFIG)
    assert priced.line.route is Route.FLEX
    tokens = priced.line
    assert priced.usd == (tokens.input_tokens * Decimal("0.05") + tokens.output_tokens * Decimal("0.3")) / 1_000_000


def test_the_description_has_each_steps_route_and_reason_and_the_wait() -> None:
    plan = a_plan(articles=Policy.NEVER_BATCH, max_wait_time="6_hours")
    text = describe_plan(plan)
    assert "- **08 configuration**: real time, gpt-6-luna (preference balanced: someone is waiting for it)" in text
    assert "- **09 articles**: real time, gpt-6-luna (policy never_batch)" in text
    assert "- **10 images**: real time, gpt-image-2.5-flare (" in text
    assert "- **10 image descriptions**: batch, gpt-6-luna (preference balanced: half the price, not urgent)" in text
    assert "- **10 SEO meta tags**: batch, gpt-6-luna (" in text
    assert "The maximum wait for a batch is 6 hours;" in text
    table = [row for row in text.splitlines() if row.startswith("|")]
    assert len(table) == 2 + len(plan.routes) + 1
    assert all(row.count("|") == 8 for row in table)


def test_a_region_makes_every_figure_of_a_forecast_a_tenth_dearer_and_says_so() -> None:
    plain, regional = a_plan(), a_plan(settings=some_settings(openai_base_url="https://eu.api.openai.com/v1"))
    assert regional.forecast.total == plain.forecast.total * 11 / 10
    assert regional.forecast.realtime_total == plain.forecast.realtime_total * 11 / 10
    assert "Prices: OpenAI's plus 10 % for eu.api.openai.com, from genai-prices" in describe_plan(regional)
    assert "plus 10 %" not in describe_plan(plain)


def test_a_public_address_of_nobody_known_is_refused_until_the_users_table_speaks(tmp_path: Path) -> None:
    address = "https://api.groq.example/v1"
    with pytest.raises(UnknownPrice) as caught:
        a_plan(settings=some_settings(openai_base_url=address, text_model="gpt-oss-120b"))
    assert "price of gpt-oss-120b is unknown: api.groq.example is not" in str(caught.value)
    assert "price of gpt-image-2.5-flare is unknown" in str(caught.value)
    file = tmp_path / "prices.yaml"
    file.write_text("prices_of: https://api.openai.com/v1")
    plan = a_plan(settings=some_settings(openai_base_url=address, prices_file=file))
    assert plan.forecast.total == a_plan().forecast.total
    assert f"{file} says that api.groq.example charges the same." in describe_plan(plan)


def test_a_private_address_is_planned_at_openais_prices_with_a_word_about_it() -> None:
    plan = a_plan(settings=some_settings(openai_base_url="http://127.0.0.1:4000/v1"))
    assert "; 127.0.0.1:4000 names no provider, so its own prices may differ." in describe_plan(plan)


def test_a_deployment_is_asked_by_its_name_and_has_the_abilities_of_its_model(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("{prices_of: api.openai.com, names: {our-text: gpt-6-luna, our-images: gpt-image-2.6-flare}}")
    names = {"text_model": "our-text", "image_model": "our-images"}
    settings = some_settings(openai_base_url="https://x.openai.azure.com/openai/v1/", prices_file=file, **names)
    plan = a_plan(settings=settings, preference=Preference.COST)
    assert plan.route(StepName.CONFIG) is Route.BATCH
    assert plan.route(StepName.IMAGES) is Route.REALTIME
    [call], [by_its_own_name] = CONFIG.calls(plan.order), CONFIG.calls(a_plan().order)
    assert call.body == {**by_its_own_name.body, "model": "our-text"}
    file.write_text("{prices_of: api.openai.com, names: {our-text: gpt-6-luna, our-images: dall-e-3}}")
    with pytest.raises(ProviderUnfit, match="dall-e-3 was shut down"):
        a_plan(settings=settings)


def test_a_strategy_names_the_models_as_batches_know_them() -> None:
    named = {"text_batch_model": "text-by-batch", "image_batch_model": "images-by-batch"}
    plan = a_plan(preference=Preference.COST, config=Policy.NEVER_BATCH, **named)
    assert plan.routes[StepName.ARTICLES].reason.endswith("; named text-by-batch there")
    assert plan.routes[StepName.IMAGES].reason.endswith("; named images-by-batch there")
    assert "named" not in plan.routes[StepName.CONFIG].reason
    [call] = CONFIG.calls(plan.order)
    assert (call.model, call.batch_model) == ("gpt-6-luna", "text-by-batch")
    assert plan.forecast == a_plan(preference=Preference.COST, config=Policy.NEVER_BATCH).forecast


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_an_empty_name_in_batches_is_the_same_name(nothing: str | None) -> None:
    assert BatchStrategy(text_batch_model=nothing).batch_models == {}


def test_a_simulation_asks_for_the_models_that_deployments_stand_for(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("names: {our-text: gpt-6-luna}")
    settings = some_settings(openai_base_url="https://gateway.example/v1", prices_file=file, text_model="our-text")
    strategy = BatchStrategy(preference=Preference.COST, text_batch_model="our-text-by-batch")
    plan = make_plan(a_brief(), strategy, settings, NOW, simulate=True)
    [call] = CONFIG.calls(plan.order)
    assert (call.model, call.batch_model) == ("gpt-6-luna", None)
    assert "named" not in plan.routes[StepName.ARTICLES].reason
    assert plan.forecast.total == a_plan(preference=Preference.COST).forecast.total
