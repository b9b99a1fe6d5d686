import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pressrun.calls import Usage
from pressrun.costs.ledger import CallStatus, corrected
from pressrun.costs.ledgerfile import Commitment, LedgerFile, OverCap

from .books import NOW, a_row

CAP = Decimal("1.00")


@pytest.fixture
def ledger(tmp_path) -> LedgerFile:
    return LedgerFile(tmp_path / "ledger.sqlite")


def commitments(*amounts: str) -> list[Commitment]:
    return [Commitment(call_id=f"call-{number}", usd=Decimal(amount)) for number, amount in enumerate(amounts)]


def test_a_row_comes_back_as_it_was_entered_to_the_last_digit(ledger):
    row = a_row(cost_usd=Decimal("0.000000000035"))
    ledger.enter([row], budget="b")
    assert list(ledger.rows()) == [row]


def test_a_payment_that_is_entered_twice_is_in_the_books_once(ledger):
    ledger.enter([a_row()], budget="b")
    LedgerFile(ledger.path).enter([a_row(), a_row(entry_id="other")], budget="b")
    assert ledger.committed("b") == 2 * a_row().cost_usd


@pytest.mark.parametrize("change", ["UPDATE entries SET cost_usd = '0'", "DELETE FROM entries"])
def test_the_database_itself_refuses_to_change_what_is_entered(ledger, change):
    ledger.enter([a_row()], budget="b")
    with sqlite3.connect(ledger.path) as database, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(change)


def test_a_correction_is_a_further_entry_that_counts_from_then_on(ledger):
    row = a_row(usage_known=False, cost_usd=Decimal(9))
    ledger.enter([row], budget="b")
    usage = Usage(input=100, output=200)
    for reason in ("a mistake", "invoice 7"):
        ledger.correct(corrected(row, usage, reason))
    [read] = ledger.rows()
    assert read.usage == usage
    assert read.usage_known
    assert read.correction == "invoice 7"
    assert read.cost_usd == row.rates.cost(usage) == ledger.committed("b")
    with sqlite3.connect(ledger.path) as database:
        assert database.execute("SELECT cost_usd FROM entries").fetchone() == ("9",)


def test_a_row_is_reused_from_the_point_of_view_of_another_run(ledger):
    ledger.enter([a_row(run_id="run-1")], budget="b")
    assert [row.reused for row in ledger.rows(run_id="run-2")] == [True]
    assert [row.reused for row in ledger.rows(run_id="run-1")] == [False]


def test_a_reply_that_was_judged_unfit_reads_as_invalid_ever_after(ledger):
    ledger.enter([a_row()], budget="b")
    ledger.judge_unfit([a_row().entry_id])
    ledger.judge_unfit([a_row().entry_id])
    assert [row.status for row in ledger.rows()] == [CallStatus.INVALID]


def test_rows_are_narrowed_by_time_whatever_zone_it_is_told_in(ledger):
    from datetime import timezone

    east = NOW.astimezone(timezone(timedelta(hours=8)))
    ledger.enter([a_row(entry_id="1", answered_at=east)], budget="b")
    ledger.enter([a_row(entry_id="2", answered_at=NOW + timedelta(days=1))], budget="b")
    assert [row.entry_id for row in ledger.rows(until=NOW + timedelta(hours=1))] == ["1"]
    assert [row.entry_id for row in ledger.rows(since=NOW + timedelta(hours=1))] == ["2"]


def test_rows_are_narrowed_by_budget_call_and_simulation(ledger):
    ledger.enter([a_row(entry_id="1", call_id="a", simulated=True)], budget="b")
    ledger.enter([a_row(entry_id="2", call_id="b")], budget="c")
    assert [row.entry_id for row in ledger.rows(budget="b")] == ["1"]
    assert [row.entry_id for row in ledger.rows(calls=["b"])] == ["2"]
    assert [row.entry_id for row in ledger.rows(simulated=False)] == ["2"]


def test_a_call_that_would_break_the_cap_is_not_committed_to(ledger):
    first, second = commitments("0.60", "0.50")
    ledger.commit(first, budget="b", cap=CAP)
    with pytest.raises(OverCap) as refused:
        ledger.commit(second, budget="b", cap=CAP)
    assert (refused.value.committed, refused.value.wanted) == (Decimal("0.60"), Decimal("0.50"))


def test_a_settled_commitment_makes_room_for_what_it_did_not_cost(ledger):
    first, second = commitments("0.60", "0.50")
    name = ledger.commit(first, budget="b", cap=CAP)
    ledger.enter([a_row(cost_usd=Decimal("0.10"))], budget="b")
    ledger.settle(name)
    ledger.commit(second, budget="b", cap=CAP)
    assert ledger.committed("b") == Decimal("0.60")


def test_a_payment_and_the_end_of_its_commitment_are_one_act(ledger):
    [one] = commitments("0.60")
    name = ledger.commit(one, budget="b", cap=CAP)
    ledger.enter([a_row(cost_usd=Decimal("0.10"))], budget="b", settles=name)
    assert ledger.committed("b") == Decimal("0.10")
    ledger.enter([a_row(cost_usd=Decimal("0.10"))], budget="b", settles=name)
    assert ledger.committed("b") == Decimal("0.10")


def test_another_budget_is_not_held_against_the_cap(ledger):
    [first] = commitments("0.60")
    for budget in ("b", "c"):
        ledger.commit(first, budget=budget, cap=CAP)
    assert ledger.committed("b") == Decimal("0.60")


def test_of_a_batch_those_calls_are_admitted_that_the_cap_has_room_for(ledger):
    assert ledger.admit(commitments("0.60", "0.50", "0.40"), budget="b", cap=CAP) == {"call-0", "call-2"}


def test_calls_that_were_admitted_stay_admitted_whatever_is_spent_since(ledger):
    wanted = commitments("0.60", "0.50", "0.40")
    ledger.admit(wanted, budget="b", cap=CAP)
    ledger.enter([a_row(cost_usd=Decimal(5))], budget="b")
    assert ledger.admit(wanted, budget="b", cap=CAP) == {"call-0", "call-2"}
    assert ledger.admit(wanted, budget="b", cap=None) == {"call-0", "call-1", "call-2"}
    # Those that were admitted before are not committed to a second time.
    assert ledger.committed("b") == Decimal("6.50")


def test_leftovers_of_a_batch_are_committed_to_anew(ledger):
    wanted = commitments("0.60")
    ledger.admit(wanted, budget="b", cap=CAP)
    assert ledger.admit(wanted, budget="b", cap=CAP, after="batch_1") == set()
    ledger.settle_batch(["call-0"], budget="b")
    assert ledger.admit(wanted, budget="b", cap=CAP, after="batch_1") == {"call-0"}


def test_what_was_withdrawn_may_be_admitted_anew(ledger):
    wanted = commitments("0.60", "0.50")
    ledger.admit(wanted, budget="b", cap=CAP)
    ledger.settle_batch(["call-0"], budget="b", withdrawn=True)
    assert ledger.committed("b") == 0
    assert ledger.admit(wanted, budget="b", cap=None) == {"call-0", "call-1"}


def test_a_call_without_a_cap_is_committed_to_all_the_same(ledger):
    [one] = commitments("3")
    ledger.commit(one, budget="b", cap=None)
    assert ledger.committed("b") == 3


def test_a_run_that_paid_anew_has_the_latest_budget(ledger):
    assert ledger.latest_budget("work") == "work"
    [one] = commitments("3")
    ledger.commit(one, budget="work run-7", cap=None)
    assert ledger.latest_budget("work") == "work run-7"
    assert ledger.latest_budget("other") == "other"


def test_what_was_answered_is_told_with_its_batch_and_failures_are_not_answers(ledger):
    ledger.enter([a_row(entry_id="1", call_id="a", batch_id="batch_1")], budget="b")
    ledger.enter([a_row(entry_id="2", call_id="b", batch_id=None)], budget="b")
    ledger.enter([a_row(entry_id="3", call_id="c", status=CallStatus.FAILED)], budget="b")
    assert ledger.answered(["a", "b", "c"], budget="b") == {"a": "batch_1", "b": None}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.decimals("0.01", "0.50", places=6), min_size=1, max_size=12), cap=st.decimals(0, 2, places=4)
)
def test_however_many_commit_at_once_the_cap_holds(tmp_path, amounts, cap):
    budget = f"{amounts} {cap}"
    ledger = LedgerFile(tmp_path / "ledger.sqlite")

    def commit(one: tuple[int, Decimal]) -> Decimal:
        try:
            ledger.commit(Commitment(call_id=str(one[0]), usd=one[1]), budget=budget, cap=cap)
        except OverCap:
            return Decimal(0)
        return one[1]

    with ThreadPoolExecutor(4) as pool:
        taken = sum(pool.map(commit, enumerate(amounts)), Decimal(0))
    assert taken <= cap
    assert ledger.committed(budget) == taken
