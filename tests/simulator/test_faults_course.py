"""The course of a batch with a fault, without a clock."""

import pytest

from pressrun.simulator.course import Action, decide
from tests.simulator.test_batches_course import START, a_batch

DAY = 86_400


@pytest.mark.parametrize(
    ("fault", "changes", "elapsed", "expected"),
    [
        ({"end": "expired", "share": 0}, {"status": "in_progress"}, 10, (Action.CONCLUDE, "expired")),
        ({"end": "expired", "share": 0.5}, {"status": "in_progress", "completed": 2}, 50, (Action.EXECUTE, "")),
        ({"end": "expired", "share": 0.5}, {"status": "in_progress", "completed": 4}, 49, (Action.WAIT, "")),
        ({"end": "expired", "share": 0.5}, {"status": "in_progress", "completed": 5}, 50, (Action.CONCLUDE, "expired")),
        ({"end": "cancelled", "share": 1}, {"status": "in_progress", "failed": 10}, 90, (Action.CONCLUDE, "cancelled")),
        ({"end": "never", "share": 0.5}, {"status": "in_progress", "completed": 5}, 500, (Action.WAIT, "")),
        ({"end": "never", "share": 0}, {"status": "in_progress"}, DAY, (Action.CONCLUDE, "expired")),
        ({"stuck": "validating"}, {}, 50, (Action.WAIT, "")),
        ({"stuck": "validating"}, {}, DAY, (Action.CONCLUDE, "expired")),
        ({"stuck": "in_progress"}, {}, 50, (Action.ENTER, "in_progress")),
        ({"stuck": "in_progress"}, {"status": "in_progress"}, 500, (Action.WAIT, "")),
        ({"stuck": "finalizing"}, {"status": "finalizing", "completed": 10}, 500, (Action.WAIT, "")),
        (
            {"stuck": "in_progress"},
            {"status": "cancelling", "cancelled": START + 50, "completed": 5},
            60,
            (Action.CONCLUDE, "cancelled"),
        ),
        ({"deaf": True, "late_output": 9, "unlisted": 9, "vanish": 0}, {}, 10, (Action.ENTER, "in_progress")),
    ],
)
def test_the_next_thing_follows_from_the_batch_its_fault_and_the_time(
    fault: dict[str, object], changes: dict[str, object], elapsed: float, expected: tuple[Action, str]
) -> None:
    decision = decide(a_batch(fault=fault, **changes), START + elapsed)
    assert (decision.action, decision.status) == expected


def test_a_batch_that_ends_at_a_share_answers_no_line_beyond_it() -> None:
    late = decide(a_batch(status="in_progress", fault={"end": "expired", "share": 0.7}), START + 1_000)
    assert (late.action, late.count) == (Action.EXECUTE, 7)
