from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.routes.batch import BatchView
from pressrun.waiting import WaitingFor, all_ids, is_due, read_waiting_key, waiting_key
from tests.calls_builder import NOW

WAITING = WaitingFor(deadline=NOW + timedelta(hours=6), batch_ids=("batch_1", "batch_2"))


def a_view(batch_id: str, status: str = "in_progress", **changes: object) -> BatchView:
    return BatchView.model_validate({"batch_id": batch_id, "status": status, "created_at": NOW, **changes})


def views(**second: object) -> dict[str, BatchView]:
    return {"batch_1": a_view("batch_1"), "batch_2": a_view("batch_2", **second)}


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)),
    st.lists(st.from_regex(r"batch_[0-9a-f]{32}", fullmatch=True), min_size=1, max_size=9, unique=True),
    st.integers(1, 999),
)
def test_what_a_run_waits_for_can_be_read_from_its_key(deadline: datetime, batch_ids: list[str], number: int) -> None:
    waiting = WaitingFor(deadline=deadline, batch_ids=tuple(sorted(batch_ids)))
    assert read_waiting_key(waiting_key(waiting, number)) == waiting


def test_each_suspension_has_a_key_of_its_own_whatever_the_order_of_the_batches() -> None:
    turned = WAITING.model_copy(update={"batch_ids": ("batch_2", "batch_1")})
    assert waiting_key(WAITING, 1) == waiting_key(turned, 1) != waiting_key(WAITING, 2)


@pytest.mark.parametrize("key", [None, "", "1", "config 1", "batches soon 1 batch_1", "batches 2026-11-25T10:00:00Z 1"])
def test_a_run_that_waits_for_something_else_is_left_alone(key: str | None) -> None:
    assert read_waiting_key(key) is None


def test_a_run_is_woken_when_any_of_its_batches_has_ended() -> None:
    assert not is_due(WAITING, views(), NOW)
    assert is_due(WAITING, views(status="completed", total=1, completed=1, output_file_id="file"), NOW)
    assert is_due(WAITING, views(status="failed"), NOW)


def test_a_batch_whose_files_lag_behind_its_end_has_not_ended_yet() -> None:
    assert not is_due(WAITING, views(status="completed", total=1, completed=1), NOW)


def test_a_run_is_woken_when_its_maximum_wait_is_over_or_its_batch_is_gone() -> None:
    assert is_due(WAITING, views(), WAITING.deadline)
    assert is_due(WAITING, {"batch_1": a_view("batch_1")}, NOW)


def test_every_batch_is_looked_at_once() -> None:
    other = WAITING.model_copy(update={"batch_ids": ("batch_2", "batch_3")})
    assert all_ids([WAITING, other]) == ["batch_1", "batch_2", "batch_3"]
