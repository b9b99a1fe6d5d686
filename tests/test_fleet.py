"""The account of a fleet: what is up to date, what became of each site, and what it cost."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pressrun.calls import StepName
from pressrun.fleet import (
    FleetReport,
    Outcome,
    SiteOutcome,
    fleet_markdown,
    fleet_rows,
    headline,
    is_up_to_date,
    made_from,
    spent_by_step,
)
from pressrun.plan import Plan, make_plan
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy, Preference
from tests.builders import a_brief
from tests.costs.books import a_row

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROVIDER = "https://api.example/v1"


def a_plan(strategy: BatchStrategy | None = None, **changes: object) -> Plan:
    return make_plan(a_brief(**changes), strategy or BatchStrategy(), Settings(), NOW)


def a_report(**changes: object) -> FleetReport:
    rows = [
        a_row(site="north", cost_usd=Decimal("0.01"), realtime_usd=Decimal("0.02")),
        a_row(site="north", step=StepName.SEO, cost_usd=Decimal("0.002"), realtime_usd=Decimal("0.004")),
        a_row(site="south", cost_usd=Decimal("0.03"), realtime_usd=Decimal("0.06")),
    ]
    outcomes = [
        SiteOutcome(site="north", outcome=Outcome.COMPLETE, forecast=Decimal("0.011")),
        SiteOutcome(site="south", outcome=Outcome.INCOMPLETE, message="images hero is missing <b>"),
        SiteOutcome(site="west", outcome=Outcome.UNCHANGED),
    ]
    fields = {"outcomes": outcomes, "spent": spent_by_step(rows), "batches": 1, "simulated": False}
    return FleetReport(**{**fields, **changes})  # type: ignore[arg-type]


def manifest(folder: Path, **changes: object) -> None:
    path = folder / "harbour-bakery" / "manifest.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"complete": True, "made_from": "mark", **changes}))


def test_a_complete_bundle_from_the_same_is_up_to_date_on_disk_and_behind_a_url(tmp_path: Path) -> None:
    assert not is_up_to_date(str(tmp_path), "harbour-bakery", "mark")
    manifest(tmp_path)
    assert is_up_to_date(str(tmp_path), "harbour-bakery", "mark")
    assert is_up_to_date(f"file://{tmp_path}/", "harbour-bakery", "mark")


@pytest.mark.parametrize("changes", [{"complete": False}, {"made_from": "other"}])
def test_an_incomplete_bundle_or_one_from_something_else_is_not(tmp_path: Path, changes: dict[str, object]) -> None:
    manifest(tmp_path, **changes)
    assert not is_up_to_date(str(tmp_path), "harbour-bakery", "mark")


def test_a_manifest_that_cannot_be_read_is_not_up_to_date(tmp_path: Path) -> None:
    manifest(tmp_path)
    (tmp_path / "harbour-bakery" / "manifest.json").write_text("{")
    assert not is_up_to_date(str(tmp_path), "harbour-bakery", "mark")


def test_what_decides_the_content_decides_the_mark_and_the_way_of_the_calls_does_not() -> None:
    strategy = BatchStrategy()
    mark = made_from(a_plan(), strategy, PROVIDER)
    cheap = BatchStrategy(preference=Preference.COST)
    assert made_from(a_plan(cheap), cheap, PROVIDER) == mark
    reviewed = BatchStrategy(review_images=2)
    others = {
        made_from(a_plan(notes="More rye."), strategy, PROVIDER),
        made_from(a_plan(reviewed), reviewed, PROVIDER),
        made_from(a_plan(), strategy, "the simulator"),
    }
    assert len(others | {mark}) == 4


def test_the_headline_counts_every_site_and_names_the_baseline() -> None:
    said = headline(a_report())
    assert said.startswith("3 sites: 1 complete, 1 incomplete, 1 unchanged. Cost $0.042;")
    assert "(50.0%) less than in real time" in said


def test_sums_by_site_and_step_are_the_sum_of_all_rows() -> None:
    report = a_report()
    assert report.total.usd == sum(report.of(site).usd for site in ("north", "south")) == Decimal("0.042")


@pytest.mark.parametrize(
    ("outcome", "is_complete"),
    [
        (Outcome.COMPLETE, True),
        (Outcome.UNCHANGED, True),
        (Outcome.WAITING, True),
        (Outcome.INCOMPLETE, False),
        (Outcome.FAILED, False),
        (Outcome.REFUSED, False),
    ],
)
def test_a_fleet_is_complete_unless_a_site_lacks_something(outcome: Outcome, is_complete: bool) -> None:
    assert a_report(outcomes=[SiteOutcome(site="north", outcome=outcome)]).is_complete is is_complete


def test_the_report_says_first_what_wants_attention_and_shows_text_as_text() -> None:
    told = fleet_markdown(a_report())
    assert told.index("Needs attention") < told.index("## Sites")
    assert "- **south** (incomplete): images hero is missing &lt;b&gt;" in told
    assert "| west | unchanged |" in told


def test_a_simulated_fleet_says_so() -> None:
    assert "SIMULATED" in fleet_markdown(a_report(simulated=True))
    assert "SIMULATED" in headline(a_report(simulated=True))


def test_the_table_has_a_row_for_each_site_and_step_and_for_sites_without_cost() -> None:
    rows = fleet_rows(a_report())
    assert [(row["site"], row.get("step")) for row in rows] == [
        ("north", "articles"),
        ("north", "seo"),
        ("south", "articles"),
        ("west", None),
    ]
    assert rows[0]["cost USD"] == "0.01"
