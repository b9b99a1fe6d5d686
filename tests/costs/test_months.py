"""The report of a month, and the month before it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pressrun.costs.ledger import LedgerRow
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.months import beside_month_before, month_key, month_report, read_month, say_month
from pressrun.errors import Refused

from .books import a_row

TODAY = date(2026, 11, 25)
OCTOBER = date(2026, 10, 1)


def on(day: date, cost: str, site: str = "harbour-bakery", **changes: object) -> LedgerRow:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    money = {"cost_usd": Decimal(cost), "realtime_usd": Decimal(cost) * 2}
    return a_row(answered_at=at, site=site, entry_id=f"{site} {day} {cost}", **money, **changes)


@pytest.fixture
def ledger(tmp_path: Path) -> LedgerFile:
    file = LedgerFile(tmp_path / "ledger.sqlite")
    file.enter(
        [
            on(date(2026, 9, 30), "0.10"),
            on(date(2026, 10, 1), "0.25"),
            on(date(2026, 10, 31), "0.05", "cafe"),
            on(date(2026, 11, 1), "9"),
            on(date(2026, 10, 2), "5", simulated=True),
        ],
        budget="b",
    )
    return file


def test_without_a_month_the_one_that_has_ended_is_meant() -> None:
    assert read_month(None, TODAY) == OCTOBER
    assert read_month(None, date(2027, 1, 1)) == date(2026, 12, 1)


def test_a_month_that_goes_on_is_reported_and_one_that_has_not_begun_is_refused() -> None:
    assert read_month("2026-11", TODAY) == date(2026, 11, 1)
    with pytest.raises(Refused, match="December 2026 has not begun"):
        read_month("2026-12", TODAY)
    with pytest.raises(Refused, match="0000-01 is not a month"):
        read_month("0000-01", TODAY)


def test_a_month_has_its_own_days_and_its_own_kind_of_calls(ledger: LedgerFile) -> None:
    assert month_report(ledger, OCTOBER, simulated=False).total == Decimal("0.30")
    assert month_report(ledger, OCTOBER, simulated=True).total == Decimal(5)
    assert month_report(ledger, date(2026, 12, 1), simulated=False).until == datetime(2027, 1, 1, tzinfo=UTC)


def test_the_months_stand_beside_each_other_point_under_point(ledger: LedgerFile) -> None:
    report = month_report(ledger, OCTOBER, simulated=False)
    said = beside_month_before(report, ledger, OCTOBER, simulated=False)
    assert said.startswith("## Compared with the previous month\n")
    assert "|  | October 2026 | September 2026 | Change | Change % |" in said
    assert "| Sites | 2 | 1 | +1 | +100.0% |" in said
    assert "| Spent | $0.30 | $0.10 | +$0.20 | +200.0% |" in said


def test_a_month_without_one_before_it_stands_alone(ledger: LedgerFile) -> None:
    september = date(2026, 9, 1)
    report = month_report(ledger, september, simulated=False)
    assert beside_month_before(report, ledger, september, simulated=False) == ""
    simulated = month_report(ledger, OCTOBER, simulated=True)
    assert beside_month_before(simulated, ledger, OCTOBER, simulated=True) == ""


def test_a_month_is_told_in_a_line(ledger: LedgerFile) -> None:
    report = month_report(ledger, OCTOBER, simulated=False)
    assert say_month(report, OCTOBER, simulated=False) == (
        "October 2026: $0.30 spent, $0.30 saved compared with real time; 2 calls for 2 sites."
    )
    nothing = month_report(ledger, date(2026, 1, 1), simulated=False)
    assert say_month(nothing, date(2026, 1, 1), simulated=False) == "January 2026: no calls."


def test_the_real_and_the_simulated_report_of_a_month_have_keys_of_their_own() -> None:
    assert month_key(OCTOBER, simulated=False) == "costs-2026-10"
    assert month_key(OCTOBER, simulated=True) == "costs-2026-10-simulated"
