"""What a person is told of: real events of a real Prefect server, each once a run."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.runtime import flow_run

from pressrun.costs.books import Books
from pressrun.costs.ledger import Origin
from pressrun.prices import Tier
from pressrun.routes.batch import BatchView
from tasks.alerts import Alert, alert, alert_of_budget, alert_of_wait
from tests.calls_builder import a_call
from tests.patience import until
from tests.prefect_events import find_events

pytestmark = pytest.mark.usefixtures("prefect_api")


def events(run_id: str | UUID, expected: int) -> list[Any]:
    """Our events that concern a run; events come to the server by and by."""
    wanted = {"event": {"prefix": ["pressrun."]}, "related": {"id": [f"prefect.flow-run.{run_id}"]}}
    found: list[Any] = until(lambda: find_events(wanted)["events"], lambda events: len(events) >= expected, 0.2)
    assert len(found) == expected
    return found


@flow
def telling(about: str, times: int) -> str:
    for _ in range(times):
        alert(Alert.INCOMPLETE, about, "Delivered incomplete.")
    return str(flow_run.id)


def test_an_event_names_its_run_and_its_site_and_says_what_happened() -> None:
    run_id = telling("site.harbour-bakery", 1)
    [event] = events(run_id, 1)
    assert event["event"] == "pressrun.delivery.incomplete"
    assert event["resource"]["prefect.resource.id"] == "pressrun.site.harbour-bakery"
    assert event["payload"] == {"text": "Delivered incomplete."}
    assert event["related"][0]["prefect.resource.id"] == f"prefect.flow-run.{run_id}"


def test_a_run_tells_of_the_same_once_and_another_run_tells_of_it_again() -> None:
    first, second = telling("site.a", 3), telling("site.a", 1)
    events(second, 1)
    events(first, 1)


@flow
def spending(path: Path, cap: Decimal | None, calls: int) -> str:
    """Commit to calls, telling of the budget after each."""
    books = Books(path=path, budget=str(flow_run.id), origin=Origin(run_id=str(flow_run.id)), cap=cap)
    for number in range(calls):
        books.commit(a_call(f"article-{number:02d}"), Tier.STANDARD)
        alert_of_budget(books, "harbour-bakery")
    return str(flow_run.id)


def test_a_budget_is_told_of_once_it_is_above_80_percent(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    one = Books(path=path, budget="x", origin=Origin(run_id="x")).most_usd(a_call("article-00"), Tier.STANDARD)
    below, above, none = spending(path, 10 * one, 8), spending(path, 10 * one, 10), spending(path, None, 10)
    [event] = events(above, 1)
    assert event["event"] == "pressrun.budget.80-percent"
    assert "of the cap of $" in event["payload"]["text"]
    events(below, 0)
    events(none, 0)


def a_view(age: timedelta, status: str = "in_progress") -> BatchView:
    return BatchView(batch_id="batch_1", status=status, created_at=datetime.now(UTC) - age, total=20)


@flow
def waiting(view: BatchView, hours: float, run_id: UUID | None) -> str:
    """A look at a batch whose maximum wait is so many hours."""
    alert_of_wait(view, view.created_at + timedelta(hours=hours), run_id=run_id)
    return str(flow_run.id)


def test_a_batch_is_told_of_after_half_of_its_maximum_wait() -> None:
    early, late = waiting(a_view(timedelta(hours=2)), 6, None), waiting(a_view(timedelta(hours=4)), 6, None)
    ended = waiting(a_view(timedelta(hours=4), "completed"), 6, None)
    [event] = events(late, 1)
    assert event["event"] == "pressrun.batch.waiting-long"
    assert event["resource"]["prefect.resource.id"] == "pressrun.batch.batch_1"
    events(early, 0)
    events(ended, 0)


def test_the_setting_says_after_how_many_hours_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_LONG_WAIT_HOURS", "1.5")
    events(waiting(a_view(timedelta(hours=2)), 6, None), 1)


def test_the_collector_tells_of_the_run_that_waits_in_its_place() -> None:
    suspended = uuid4()
    for _ in range(2):
        waiting(a_view(timedelta(hours=4)), 6, suspended)
    events(suspended, 1)
