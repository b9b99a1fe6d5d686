from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.routes.batch import CANCEL_GRACE, BatchView, Move, decide, poll_delays

DEADLINE = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EARLIER, LATER, MUCH_LATER = DEADLINE - SECOND, DEADLINE + SECOND, DEADLINE + CANCEL_GRACE + SECOND
RUNNING = ("validating", "in_progress", "finalizing", "scheduling")
"""With a status that only other servers have."""
ENDED = ("completed", "failed", "expired", "cancelled")


def a_view(status: str) -> BatchView:
    return BatchView(
        batch_id="batch_1",
        status=status,
        completed=0,
        failed=0,
        total=2,
        output_file_id=None,
        error_file_id=None,
        problems=[],
    )


@pytest.mark.parametrize(
    ("statuses", "now", "move"),
    [
        (ENDED, EARLIER, Move.HARVEST),
        (ENDED, LATER, Move.HARVEST),
        (ENDED, MUCH_LATER, Move.HARVEST),
        (RUNNING, EARLIER, Move.WAIT),
        (RUNNING, DEADLINE, Move.CANCEL),
        (RUNNING, LATER, Move.CANCEL),
        # A process that was away for long has not asked for the end yet, and giving up would leave the batch billing.
        (RUNNING, MUCH_LATER, Move.CANCEL),
        (("cancelling",), EARLIER, Move.WAIT),
        (("cancelling",), LATER, Move.WAIT),
        (("cancelling",), DEADLINE + CANCEL_GRACE, Move.WAIT),
        (("cancelling",), MUCH_LATER, Move.GIVE_UP),
    ],
)
def test_the_move_follows_from_the_status_and_the_time(statuses: tuple[str, ...], now: datetime, move: Move) -> None:
    for status in statuses:
        assert decide(a_view(status), deadline=DEADLINE, now=now) is move, status


def test_pauses_grow_by_half_up_to_the_longest() -> None:
    assert list(islice(poll_delays(2.0, 10.0), 6)) == [2.0, 3.0, 4.5, 6.75, 10.0, 10.0]


@given(first=st.floats(0.01, 60), span=st.floats(0, 600), count=st.integers(1, 3_000))
def test_pauses_never_shrink_and_stay_within_bounds(first: float, span: float, count: int) -> None:
    pauses = list(islice(poll_delays(first, first + span), count))
    assert pauses == sorted(pauses)
    assert pauses[0] == first
    assert max(pauses) <= first + span
