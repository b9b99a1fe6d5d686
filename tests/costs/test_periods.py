import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pressrun.calls import StepName, Usage
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.periods import PeriodReport, month_markdown, period_json, period_report, sections
from pressrun.prices import Tier

from .books import a_row, rows

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
FRAMES = ["by_site", "by_step", "by_route", "trend"]

a_time = st.datetimes(datetime(2026, 10, 20), datetime(2026, 12, 10), timezones=st.just(UTC))
a_ledger = rows.flatmap(
    lambda some: st.lists(st.tuples(a_time, st.booleans()), min_size=len(some), max_size=len(some)).map(
        lambda changes: [
            row.model_copy(update={"answered_at": at, "simulated": simulated})
            for row, (at, simulated) in zip(some, changes, strict=True)
        ]
    )
)
"""Real and simulated calls, in November 2026 and around it."""


def november(*some: LedgerRow, simulated: bool = False) -> PeriodReport:
    return period_report(some, since=SINCE, until=UNTIL, simulated=simulated)


def on(day: int, month: int = 11, **changes: object) -> LedgerRow:
    return a_row(**{"answered_at": datetime(2026, month, day, 12, tzinfo=UTC), **changes})


def html(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


@settings(max_examples=40)
@given(a_ledger, st.booleans())
def test_every_figure_equals_the_sum_of_the_rows_of_the_time_and_of_the_kind(some, simulated):
    report = november(*some, simulated=simulated)
    there = [row for row in some if SINCE <= row.answered_at < UNTIL]
    meant = [row for row in there if row.simulated == simulated]
    invalid = [row for row in meant if row.status is CallStatus.INVALID]
    assert report.total == sum(row.cost_usd for row in meant)
    assert report.realtime_total == sum(row.realtime_usd for row in meant)
    assert report.saving == sum(row.realtime_usd - row.cost_usd for row in meant)
    assert (report.invalid_calls, report.invalid) == (len(invalid), sum(row.cost_usd for row in invalid))
    assert (report.calls, report.other_calls) == (len(meant), len(there) - len(meant))


@settings(max_examples=40)
@given(a_ledger)
def test_each_table_adds_up_to_the_totals_to_the_last_digit_and_its_money_is_decimal(some):
    report = november(*some)
    for frame in (getattr(report, name) for name in FRAMES):
        assert sum(frame["usd"]) == report.total
        assert sum(frame["realtime_usd"]) == report.realtime_total
        assert sum(frame["saving_usd"]) == report.saving
        assert sum(frame["invalid_usd"]) == report.invalid
        assert frame["calls"].sum() == report.calls
        assert {type(cell) for cell in frame[["usd", "realtime_usd", "saving_usd"]].to_numpy().flatten()} <= {Decimal}


def test_the_dearest_site_comes_first_and_steps_in_the_order_of_the_pipeline():
    report = november(
        on(2, site="cafe-yuen", step=StepName.SEO, cost_usd=Decimal("0.1")),
        on(3, site="clinic", step=StepName.CONFIG, cost_usd=Decimal("0.3")),
        on(4, site="cafe-yuen", step=StepName.ARTICLES, cost_usd=Decimal("0.1")),
    )
    assert dict(report.by_site["usd"]) == {"clinic": Decimal("0.3"), "cafe-yuen": Decimal("0.2")}
    assert list(report.by_step.index) == ["config", "articles", "seo"]


def test_a_model_that_was_served_in_two_ways_has_a_line_for_each():
    report = november(on(2), on(2, tier=Tier.STANDARD), on(3, tier=Tier.FLEX), on(3, model="gpt-6-sol"))
    assert sorted(report.by_route.index) == [
        ("gpt-6-luna", "batch"),
        ("gpt-6-luna", "flex"),
        ("gpt-6-luna", "real time"),
        ("gpt-6-sol", "batch"),
    ]


def test_a_few_days_are_shown_by_the_day_without_a_gap():
    report = november(on(3), on(6), on(6))
    assert report.trend_unit == "day"
    assert dict(report.trend["calls"]) == {"2026-11-03": 1, "2026-11-04": 0, "2026-11-05": 0, "2026-11-06": 2}


def test_a_month_is_shown_by_the_week_and_the_first_week_begins_with_the_month():
    report = november(on(1), on(2), on(30))
    assert report.trend_unit == "week"
    assert list(report.trend.index) == [
        "2026-11-01",
        "2026-11-02",
        "2026-11-09",
        "2026-11-16",
        "2026-11-23",
        "2026-11-30",
    ]


def test_a_year_is_shown_by_the_month():
    report = period_report(
        [on(5, month=1), on(20, month=3), on(30, month=11)], since=datetime(2026, 1, 1, tzinfo=UTC), until=UNTIL
    )
    assert report.trend_unit == "month"
    assert dict(report.trend["calls"])["2026-03-01"] == 1
    assert len(report.trend) == 11


def test_a_call_belongs_to_its_day_in_utc_whatever_zone_it_is_told_in():
    tokyo = timezone(timedelta(hours=9))
    report = november(a_row(answered_at=datetime(2026, 11, 3, 8, 0, tzinfo=tokyo)))
    assert list(report.trend.index) == ["2026-11-02"]


def test_the_last_day_is_the_last_one_within():
    assert november().last_day == date(2026, 11, 30)


def test_nothing_is_a_report_too():
    report = november()
    assert (report.total, report.saving_percent, report.calls) == (Decimal(0), None, 0)
    assert all(getattr(report, name).empty for name in FRAMES)
    assert json.loads(period_json(report, simulated=False))["by_route"] == []
    assert "There are no calls in this period" in month_markdown(report, date(2026, 11, 1), simulated=False)


def test_tables_for_people_end_with_the_total():
    for _, _, lines in sections(november(on(2), on(2))):
        assert lines[-1] == ["Total", "2", "$0.00111", "$0.00222", "$0.00111", "50.0%"]


def test_the_amounts_of_a_table_stand_point_under_point():
    dear = on(3, site="clinic", cost_usd=Decimal("12.5"), realtime_usd=Decimal("25"))
    by_site = sections(november(on(2), dear))[0][2]
    assert [line[2:5] for line in by_site] == [
        ["$12.500000", "$25.000000", "$12.500000"],
        ["$0.000555", "$0.001110", "$0.000555"],
        ["$12.500555", "$25.001110", "$12.500555"],
    ]


def test_the_month_leads_with_what_was_spent_what_was_saved_and_against_what():
    text = month_markdown(november(on(2), on(9)), date(2026, 11, 1), simulated=False)
    head = text.split("## By site")[0]
    assert head.startswith("# Costs of November 2026\n")
    assert "Saved, compared with real time" in head
    assert "| **$0.00111** | **$0.00111** (50.0%) | $0.00222 |" in head
    assert "SIMULATED" not in text


def test_the_month_is_told_by_site_by_step_by_route_and_by_week():
    page = html(month_markdown(november(on(2), on(30)), date(2026, 11, 1), simulated=False))
    for heading in ("By site", "By step", "By model and route", "By week", "Notes"):
        assert f"<h2>{heading}</h2>" in page
    assert page.count("<table>") == 5


def test_a_simulated_month_says_so_above_all_figures():
    text = month_markdown(november(on(2, simulated=True), simulated=True), date(2026, 11, 30), simulated=True)
    assert text.index("SIMULATED: no money was spent") < text.index("$")


def test_what_could_not_be_used_and_what_failed_is_told():
    failed = on(4, status=CallStatus.FAILED, usage=Usage(), cost_usd=Decimal(0), realtime_usd=Decimal(0))
    text = month_markdown(november(on(2), on(3, status=CallStatus.INVALID), failed), date(2026, 11, 1), simulated=False)
    assert "1 call returned invalid replies, which are billed: $0.000555." in text
    assert "1 call failed; the provider does not bill failed calls." in text


def test_a_person_s_text_means_nothing_but_itself():
    name = "caf|é *x* <b>[a](b)\n# y"
    page = html(month_markdown(november(on(2, site=name, model="m_1_`")), date(2026, 11, 1), simulated=False))
    assert "caf|é *x* &lt;b&gt;[a](b) # y" in page
    assert "m_1_`, batch" in page


def test_json_has_every_digit_as_text():
    data = json.loads(period_json(november(on(2, cost_usd=Decimal("0.000000000035"))), simulated=False))
    assert data["total"] == "0.000000000035"
    assert data["by_site"][0]["site"] == "harbour-bakery"
    assert data["by_step"][0]["usd"] == "0.000000000035"
    assert data["by_route"][0]["served"] == "batch"
    assert data["trend"][0]["day"] == "2026-11-02"
    assert data["simulated"] is False
