"""The course of a batch, without a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.simulator.batches import Batch
from pressrun.simulator.course import Action, decide
from pressrun.simulator.timeline import Timeline

START = 1_800_000_000.0


def a_batch(**changes: object) -> Batch:
    """A batch of 10 lines that takes 100 s and has all lines put in."""
    fields = {
        "id": "batch_1",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "created": START,
        "seconds": 100.0,
        "expires": START + 86_400,
        "inspected": True,
        "total": 10,
        **changes,
    }
    return Batch.model_validate(fields)


@pytest.mark.parametrize(
    ("changes", "elapsed", "expected"),
    [
        ({"inspected": False}, 0, (Action.INSPECT, "")),
        ({}, 5, (Action.WAIT, "")),
        ({"problems": [{"code": "empty_file"}]}, 5, (Action.WAIT, "")),
        ({"problems": [{"code": "empty_file"}]}, 10, (Action.CONCLUDE, "failed")),
        ({}, 10, (Action.ENTER, "in_progress")),
        ({"status": "in_progress"}, 10, (Action.WAIT, "")),
        ({"status": "in_progress"}, 50, (Action.EXECUTE, "")),
        ({"status": "in_progress", "completed": 4, "failed": 1}, 50, (Action.WAIT, "")),
        ({"status": "in_progress", "completed": 10}, 90, (Action.ENTER, "finalizing")),
        ({"status": "finalizing", "completed": 10}, 95, (Action.WAIT, "")),
        ({"status": "finalizing", "completed": 10}, 100, (Action.CONCLUDE, "completed")),
        ({"status": "in_progress", "expires": START + 30, "completed": 2}, 30, (Action.CONCLUDE, "expired")),
        ({"status": "in_progress", "expires": START + 30, "completed": 1}, 3000, (Action.EXECUTE, "")),
        ({"status": "finalizing", "expires": START + 95, "completed": 10}, 100, (Action.CONCLUDE, "completed")),
        ({"expires": START + 5}, 5, (Action.CONCLUDE, "expired")),
        ({"status": "cancelling", "cancelled": START + 1, "inspected": False, "total": 0}, 2, (Action.WAIT, "")),
        (
            {"status": "cancelling", "cancelled": START + 1, "inspected": False, "total": 0},
            11,
            (Action.CONCLUDE, "cancelled"),
        ),
        ({"status": "cancelling", "cancelled": START + 50, "completed": 4}, 55, (Action.EXECUTE, "")),
        ({"status": "cancelling", "cancelled": START + 50, "completed": 5}, 60, (Action.CONCLUDE, "cancelled")),
    ],
)
def test_the_next_thing_follows_from_the_batch_and_the_time(
    changes: dict[str, object], elapsed: float, expected: tuple[Action, str]
) -> None:
    decision = decide(a_batch(**changes), START + elapsed)
    assert (decision.action, decision.status) == expected


def test_a_server_that_was_down_does_the_lines_that_were_due_and_no_more() -> None:
    late = decide(a_batch(status="in_progress", expires=START + 30), START + 1_000_000)
    assert (late.action, late.count) == (Action.EXECUTE, 2)


timelines = st.builds(
    Timeline,
    created=st.just(START),
    seconds=st.floats(0.05, 100_000),
    expires=st.just(START + 1e9),
)


@given(timelines, st.integers(1, 50_000), st.data())
def test_a_line_counts_as_done_when_it_is_due_and_not_before(times: Timeline, total: int, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, total - 1))
    spacing = 0.8 * times.seconds / total
    assert times.due_count(times.due(position, total) + spacing / 100 + 1e-6, total) >= position + 1
    assert times.due_count(times.due(position, total) - spacing / 100 - 1e-6, total) <= position


@given(timelines, st.integers(1, 50_000))
def test_all_lines_are_done_before_the_batch_completes_and_none_before_it_starts(times: Timeline, total: int) -> None:
    assert times.due_count(times.completes, total) == total
    assert times.due_count(times.starts - 1e-6, total) == 0


@given(st.floats(0, 200), st.floats(0, 50) | st.none(), st.sampled_from([86_400.0, 30.0, 5.0]))
def test_every_batch_comes_to_an_end(elapsed: float, cancelled: float | None, window: float) -> None:
    batch = a_batch(expires=START + window, inspected=cancelled is None, total=10 if cancelled is None else 0)
    if cancelled is not None:
        batch.cancelled, batch.status = START + cancelled, "cancelling"
    now = START + elapsed
    for _ in range(50):
        decision = decide(batch, now)
        if decision.action is Action.CONCLUDE:
            return
        if decision.action is Action.WAIT:
            assert decision.until > now - 1e-3
            now = max(now + 1e-3, decision.until)
        elif decision.action is Action.EXECUTE:
            batch.completed += decision.count
        else:
            batch.enter(decision.status, now)
    pytest.fail("the batch never ended")
