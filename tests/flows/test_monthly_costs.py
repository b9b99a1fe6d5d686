"""The flow that reports a month, on a real Prefect API; it asks no provider."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.artifacts import Artifact

from flows.monthly_costs import monthly_costs
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.months import month_before
from tests.costs.books import a_row

pytestmark = pytest.mark.usefixtures("prefect_api")

ENDED = month_before(datetime.now(UTC).date())


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerFile:
    monkeypatch.setenv("PRESSRUN_STATE_DIR", str(tmp_path))
    return LedgerFile(tmp_path / "ledger.sqlite")


def enter(ledger: LedgerFile, month: date, **changes: Any) -> None:
    at = datetime(month.year, month.month, 2, tzinfo=UTC)
    ledger.enter([a_row(entry_id=f"{month}", answered_at=at, **changes)], budget="b")


def report(month: date) -> str:
    return str(Artifact.get(f"costs-{month:%Y-%m}").data)


def test_the_month_that_has_ended_is_published_beside_the_one_before(ledger: LedgerFile) -> None:
    enter(ledger, ENDED)
    enter(ledger, month_before(ENDED))
    state: Any = monthly_costs(return_state=True)
    assert state.is_completed()
    assert state.message.startswith(f"{ENDED:%B %Y}: $0.000555 spent")
    assert report(ENDED).startswith(f"# Costs of {ENDED:%B %Y}\n")
    assert f"| {ENDED:%B %Y} | {month_before(ENDED):%B %Y} |" in report(ENDED)


def test_a_month_of_one_s_choice_stands_alone_when_there_is_none_before(ledger: LedgerFile) -> None:
    enter(ledger, date(2025, 3, 1))
    state: Any = monthly_costs(month="2025-03", return_state=True)
    assert state.is_completed()
    assert "Compared with the previous month" not in report(date(2025, 3, 1))


def test_without_a_ledger_it_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_STATE_DIR", str(tmp_path / "elsewhere"))
    state: Any = monthly_costs(return_state=True)
    assert state.name == "Refused"
    assert "There is no ledger" in state.message
    assert not (tmp_path / "elsewhere").exists()
