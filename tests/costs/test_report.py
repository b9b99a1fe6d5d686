from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.calls import Route, StepName, Usage
from pressrun.costs.forecast import forecast_costs
from pressrun.costs.ledger import CallStatus
from pressrun.costs.report import cost_report
from pressrun.costs.sections import sections
from pressrun.costs.variance import CAUSES
from pressrun.prices import Tier

from .books import NOW, a_forecast_line, a_row, rows

ROUTES = {Tier.BATCH: "batch", Tier.FLEX: "flex", Tier.STANDARD: "real time", Tier.PRIORITY: "priority"}


@settings(max_examples=30)
@given(rows)
def test_every_total_equals_the_sum_of_the_rows_to_the_last_digit(rows):
    report = cost_report(rows)
    assert report.total == sum(row.cost_usd for row in rows)
    assert report.realtime_total == sum(row.realtime_usd for row in rows)
    assert report.reused == sum(row.cost_usd for row in rows if row.reused)
    assert report.total == report.paid_now + report.reused
    assert report.saving == sum(row.realtime_usd - row.cost_usd for row in rows)


@settings(max_examples=30)
@given(rows)
def test_the_steps_add_up_to_the_totals_and_hold_every_call(rows):
    table = cost_report(rows).by_step
    assert sum(table["usd"]) == sum(row.cost_usd for row in rows)
    assert sum(table["saving_usd"]) == sum(row.realtime_usd - row.cost_usd for row in rows)
    assert table["calls"].sum() == len(rows)
    assert table["input"].sum() == sum(row.usage.input for row in rows)
    for step, usd in table["usd"].items():
        assert usd == sum(row.cost_usd for row in rows if row.step == step)


@settings(max_examples=30)
@given(rows, st.lists(st.sampled_from(["gpt-6-luna", "gpt-6-sol", "gpt-image-2.5-flare"]), min_size=30, max_size=30))
def test_routes_models_and_their_lines_add_up_to_the_totals_too(rows, models):
    rows = [row.model_copy(update={"model": model}) for row, model in zip(rows, models, strict=False)]
    report = cost_report(rows)
    for table in (report.by_route, report.by_model, report.by_line):
        assert sum(table["usd"]) == report.total
        assert sum(table["saving_usd"]) == report.saving
        assert table["calls"].sum() == len(rows)
        assert table["output"].sum() == sum(row.usage.output for row in rows)
    for model, usd in report.by_model["usd"].items():
        assert usd == sum(row.cost_usd for row in rows if row.model == model)
    for (step, route, model), usd in report.by_line["usd"].items():
        same = [row for row in rows if row.step == step and row.model == model]
        assert usd == sum(row.cost_usd for row in same if ROUTES[row.tier] == route)


@settings(max_examples=30)
@given(rows)
def test_all_money_stays_decimal(rows):
    report = cost_report(rows, forecast_costs([a_forecast_line()], NOW))
    cells = [
        *report.by_step[["usd", "realtime_usd", "saving_usd"]].to_numpy().flatten(),
        *report.variance[["forecast_usd", "actual_usd", "variance_usd", *CAUSES]].to_numpy().flatten(),
        *(cell for table in (report.by_route, report.by_model) for cell in table["usd"]),
        report.total,
        report.yearly(report.total),
    ]
    assert {type(cell) for cell in cells} == {Decimal}


def test_steps_come_in_the_order_of_the_pipeline_with_their_own_figures():
    report = cost_report(
        [
            a_row(step=StepName.SEO, tier=Tier.STANDARD, cost_usd=Decimal("0.3"), realtime_usd=Decimal("0.3")),
            a_row(step=StepName.ARTICLES, cost_usd=Decimal("0.1"), realtime_usd=Decimal("0.2")),
            a_row(step=StepName.ARTICLES, tier=Tier.STANDARD, cost_usd=Decimal("0.2"), realtime_usd=Decimal("0.2")),
            a_row(step=StepName.ARTICLES, cost_usd=Decimal("0.1"), realtime_usd=Decimal("0.2")),
        ]
    )
    assert list(report.by_step.index) == ["articles", "seo"]
    articles = report.by_step.loc["articles"]
    assert (articles["calls"], articles["usd"], articles["saving_usd"]) == (3, Decimal("0.4"), Decimal("0.2"))
    assert round(articles["saving_percent"], 1) == Decimal("33.3")
    assert articles["served"] == "batch 2, real time 1"
    assert report.by_step.loc["seo", "served"] == "real time"


def test_flex_is_told_apart_from_what_was_served_at_the_standard_price():
    half = {"cost_usd": Decimal("0.1"), "realtime_usd": Decimal("0.2")}
    report = cost_report(
        [
            a_row(route=Route.FLEX, tier=Tier.FLEX, **half),
            a_row(route=Route.FLEX, tier=Tier.FLEX, **half),
            a_row(route=Route.REALTIME, tier=Tier.STANDARD, cost_usd=Decimal("0.2"), realtime_usd=Decimal("0.2")),
        ]
    )
    assert report.by_step.loc["articles", "served"] == "flex 2, real time 1"
    assert (report.total, report.realtime_total, report.saving) == (Decimal("0.4"), Decimal("0.6"), Decimal("0.2"))


def test_routes_are_told_apart_by_what_a_call_was_billed_at():
    report = cost_report(
        [
            a_row(route=Route.REALTIME, tier=Tier.STANDARD, cost_usd=Decimal("0.4"), realtime_usd=Decimal("0.4")),
            a_row(route=Route.REALTIME, tier=Tier.PRIORITY, cost_usd=Decimal("0.8"), realtime_usd=Decimal("0.4")),
            a_row(cost_usd=Decimal("0.2"), realtime_usd=Decimal("0.4")),
            a_row(route=Route.FLEX, tier=Tier.FLEX, cost_usd=Decimal("0.1"), realtime_usd=Decimal("0.2")),
        ]
    )
    savings = {"batch": Decimal("0.2"), "flex": Decimal("0.1"), "real time": 0, "priority": Decimal("-0.4")}
    assert list(report.by_route.index) == list(savings)
    assert dict(report.by_route["saving_usd"]) == savings


def test_models_come_with_the_dearest_first():
    report = cost_report([a_row(model="cheap"), a_row(model="dear", cost_usd=Decimal(1)), a_row(model="cheap")])
    assert list(report.by_model.index) == ["dear", "cheap"]
    assert dict(report.by_model["calls"]) == {"dear": 1, "cheap": 2}


def test_unknown_usage_is_told_with_the_amount_that_is_assumed():
    report = cost_report([a_row(), a_row(usage_known=False, cost_usd=Decimal("0.3"))])
    assert (report.unknown, report.unknown_calls) == (Decimal("0.3"), 1)
    notes = sections(report)[-1].notes
    assert any("1 call came without usable token counts" in note and "$0.30" in note for note in notes)


def test_a_count_that_no_database_holds_does_not_stop_the_report():
    usage = Usage(input=2**63, output=1)
    assert cost_report([a_row(usage=usage)]).by_step.loc["articles", "input"] == 2**63


def test_failed_invalid_and_reused_calls_are_counted():
    report = cost_report(
        [
            a_row(status=CallStatus.FAILED, cost_usd=Decimal(0), realtime_usd=Decimal(0), usage=Usage()),
            a_row(status=CallStatus.INVALID),
            a_row(reused=True, run_id="run-0"),
        ]
    )
    counts = report.by_step.loc["articles", ["calls", "failed", "invalid", "reused"]]
    assert list(counts) == [3, 1, 1, 1]
    assert (report.invalid, report.reused, report.reused_calls) == (Decimal("0.000555"), Decimal("0.000555"), 1)


def test_a_year_is_so_many_sites_at_the_mean_of_those_in_the_ledger():
    rows = [a_row(site="a", cost_usd=Decimal("0.2")), a_row(site="b", cost_usd=Decimal("0.4"))]
    report = cost_report(rows, sites_per_year=100)
    assert report.sites == 2
    assert report.yearly(report.total) == Decimal(30)


def test_the_forecast_stands_beside_the_actual_for_steps_on_either_side():
    lines = [a_forecast_line(), a_forecast_line(step=StepName.CONFIG, route=Route.REALTIME)]
    report = cost_report(
        [a_row(cost_usd=Decimal("0.0045")), a_row(step=StepName.SEO, cost_usd=Decimal("0.001"))],
        forecast_costs(lines, NOW),
    )
    assert list(report.variance.index) == ["config", "articles", "seo"]
    articles = report.variance.loc["articles"]
    assert list(articles[["forecast_usd", "actual_usd", "variance_usd", "variance_percent"]]) == [
        Decimal("0.0036"),
        Decimal("0.0045"),
        Decimal("0.0009"),
        Decimal(25),
    ]
    assert report.variance.loc["config", "actual_usd"] == 0
    assert report.variance.loc["seo", "variance_percent"] is None
    assert report.forecast_total == Decimal("0.0108")


def test_a_ledger_without_rows_is_a_report_of_nothing():
    report = cost_report([])
    assert (report.total, report.saving, report.saving_percent) == (0, 0, None)
    assert (report.sites, report.yearly(report.total), report.forecast_total) == (0, 0, None)
    assert [len(table) for table in (report.by_step, report.by_route, report.by_model, report.by_line)] == [0, 0, 0, 0]


def test_the_sources_of_the_prices_are_named_once_each():
    rows = [a_row(), a_row(), a_row(price_source="mine (as of 2026-11-01: s)")]
    assert cost_report(rows).price_sources == ["genai-prices 0.2.3", "mine (as of 2026-11-01: s)"]


@settings(max_examples=10)
@given(rows)
def test_rows_may_come_as_a_stream(rows):
    streamed, held = cost_report(iter(rows)), cost_report(rows)
    assert streamed.total == held.total
    assert streamed.by_step.equals(held.by_step)
    assert streamed.by_line.equals(held.by_line)
