"""The decisions of whoever waits for a batch, without a clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.errors import Unreadable
from pressrun.routes.batch import BatchView, BatchWatch, Move, expected_finish
from pressrun.routes.batch.watch import CANCEL_GRACE, LOST_AFTER, OUTPUT_GRACE

CREATED = datetime(2026, 11, 24, 6, tzinfo=UTC)
DEADLINE = CREATED + timedelta(hours=6)
SECOND = timedelta(seconds=1)
RUNNING = ("validating", "in_progress", "finalizing", "scheduling")
"""With a status that only other servers have."""


def a_view(status: str = "in_progress", **changes: Any) -> BatchView:
    files = {"output_file_id": "file-out"} if status == "completed" else {}
    return BatchView(batch_id="batch_1", status=status, created_at=CREATED, **{**files, **changes})


def a_watch(**changes: Any) -> BatchWatch:
    """One that pauses 2 s, 3 s, 4.5 s ... up to 60 s, without jitter."""
    fields = {"deadline": DEADLINE, "first": 2 * SECOND, "longest": 60 * SECOND, "jitter": 0.0}
    return BatchWatch(**{**fields, **changes})


def an_error(status: int) -> openai.APIStatusError:
    response = httpx2.Response(status, request=httpx2.Request("GET", "http://127.0.0.1/v1/batches"))
    kinds = {401: openai.AuthenticationError, 403: openai.PermissionDeniedError, 429: openai.RateLimitError}
    return kinds.get(status, openai.InternalServerError)("No.", response=response, body=None)


PASSING = [an_error(429), an_error(503), Unreadable("HTML"), openai.APITimeoutError(httpx2.Request("GET", "http://x"))]


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
@pytest.mark.parametrize("now", [CREATED, DEADLINE, DEADLINE + 10 * CANCEL_GRACE])
def test_what_has_ended_is_harvested_whenever_it_is_seen(status: str, now: datetime) -> None:
    assert a_watch().on_status(a_view(status), now).move is Move.HARVEST


@pytest.mark.parametrize("status", RUNNING)
def test_what_runs_is_waited_for_until_the_deadline_and_then_cancelled(status: str) -> None:
    watch = a_watch()
    assert watch.on_status(a_view(status), DEADLINE - SECOND).move is Move.WAIT
    cancelling = watch.on_status(a_view(status, completed=9), DEADLINE)
    assert cancelling.move is Move.CANCEL
    assert "maximum wait with 9 answers" in str(cancelling.text)


@pytest.mark.parametrize("status", RUNNING)
def test_a_process_that_was_away_for_long_still_asks_for_the_end_before_it_gives_up(status: str) -> None:
    watch, late = a_watch(), DEADLINE + 10 * CANCEL_GRACE
    assert watch.on_status(a_view(status), late).move is Move.CANCEL
    assert watch.on_status(a_view("cancelling"), late + SECOND).move is Move.WAIT
    assert watch.on_status(a_view("cancelled"), late + CANCEL_GRACE).move is Move.HARVEST


def test_a_provider_that_is_deaf_to_cancelling_is_asked_again_and_at_last_left() -> None:
    watch = a_watch()
    moves = [watch.on_status(a_view(), DEADLINE + n * CANCEL_GRACE / 4) for n in range(6)]
    assert [decision.move for decision in moves] == [Move.CANCEL] * 5 + [Move.HARVEST]
    assert "may still be billed" in str(moves[-1].text)


def test_a_cancellation_that_an_earlier_process_asked_for_is_counted_from_when_the_provider_took_it() -> None:
    asked = DEADLINE + timedelta(hours=3)
    view = a_view("cancelling", cancelling_at=asked)
    assert a_watch().on_status(view, asked + CANCEL_GRACE).move is Move.WAIT
    assert a_watch().on_status(view, asked + CANCEL_GRACE + SECOND).move is Move.HARVEST


def test_a_cancellation_that_the_provider_dates_in_the_future_is_not_waited_for_until_then() -> None:
    watch, view = a_watch(), a_view("cancelling", cancelling_at=DEADLINE + timedelta(days=3))
    assert watch.on_status(view, DEADLINE).move is Move.WAIT
    assert watch.on_status(view, DEADLINE + CANCEL_GRACE + SECOND).move is Move.HARVEST


def test_a_cancellation_by_a_person_before_the_deadline_is_waited_for() -> None:
    assert a_watch().on_status(a_view("cancelling"), CREATED).move is Move.WAIT


@pytest.mark.parametrize(
    "view",
    [
        a_view("completed", output_file_id=None),
        a_view("completed", output_file_id=None, completed=3, total=3),
        a_view("completed", completed=2, failed=1, total=3),
        a_view("expired", completed=1, total=3),
        a_view("cancelled", completed=1, total=3, error_file_id="file-err"),
        a_view("failed", completed=3, failed=1, total=4),
        a_view("failed", started_at=CREATED),
    ],
)
def test_files_that_lag_behind_the_end_are_awaited_but_not_for_ever(view: BatchView) -> None:
    watch = a_watch()
    waiting = watch.on_status(view, CREATED)
    assert (waiting.move, waiting.pause) == (Move.WAIT, 2 * SECOND)
    assert "waiting for its files" in str(waiting.text)
    assert watch.on_status(view, CREATED + OUTPUT_GRACE - SECOND).move is Move.WAIT
    assert watch.on_status(view, CREATED + OUTPUT_GRACE).move is Move.HARVEST


@pytest.mark.parametrize(
    "view",
    [
        a_view("expired", total=3),
        a_view("cancelled"),
        a_view("completed", output_file_id=None, error_file_id="file-err", failed=3, total=3),
    ],
)
def test_an_end_without_answers_is_not_mistaken_for_a_lag(view: BatchView) -> None:
    assert a_watch().on_status(view, CREATED).move is Move.HARVEST


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_failed_look_is_no_verdict_and_is_counted(error: Exception) -> None:
    watch = a_watch()
    for number in (1, 2, 3):
        decision = watch.on_error(error, CREATED)
        assert decision.move is Move.WAIT
        assert f"failed poll {number} in a row" in str(decision.text)
    watch.on_status(a_view(), CREATED)
    assert (watch.failed_polls, watch.all_failed_polls) == (0, 3)


def test_a_look_that_is_told_to_come_back_later_comes_back_no_earlier() -> None:
    response = httpx2.Response(429, headers={"retry-after": "90"}, request=httpx2.Request("GET", "http://127.0.0.1/v1"))
    error = openai.RateLimitError("No.", response=response, body=None)
    assert a_watch().on_error(error, CREATED).pause == 90 * SECOND
    response.headers["retry-after"] = "99999"
    assert a_watch().on_error(error, CREATED).pause == 600 * SECOND


def test_a_failed_look_is_reported_with_the_providers_words() -> None:
    request = httpx2.Request("GET", "http://127.0.0.1/v1")
    reply = httpx2.Response(503, json={"detail": "No connected db."}, request=request)
    text = a_watch().on_error(openai.InternalServerError("No.", response=reply, body=None), CREATED).text
    assert text == "failed poll 1 in a row (HTTP 503: No connected db; 1 in total); the batch keeps running"
    assert "(HTML; 1 in total)" in str(a_watch().on_error(Unreadable("HTML."), CREATED).text)


def test_looks_that_fail_until_long_after_the_deadline_end_the_wait() -> None:
    watch = a_watch()
    assert watch.on_error(PASSING[0], DEADLINE - SECOND).move is Move.WAIT
    first = watch.on_error(PASSING[0], DEADLINE)
    assert (first.move, "maximum wait; cancelling it" in str(first.text)) == (Move.CANCEL, True)
    assert watch.on_error(PASSING[0], DEADLINE + CANCEL_GRACE).move is Move.WAIT
    assert watch.on_error(PASSING[0], DEADLINE + CANCEL_GRACE + SECOND).move is Move.STOP


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_ends_the_wait_at_once(status: int) -> None:
    decision = a_watch().on_error(an_error(status), CREATED)
    assert (decision.move, f"HTTP {status}" in str(decision.text)) == (Move.STOP, True)


def test_a_batch_that_vanishes_is_looked_for_and_then_reported() -> None:
    watch = a_watch()
    assert watch.on_absence(CREATED).move is Move.WAIT
    assert watch.on_absence(CREATED + LOST_AFTER - SECOND).move is Move.WAIT
    gone = watch.on_absence(CREATED + LOST_AFTER)
    assert gone.move is Move.STOP
    assert "Nothing was submitted instead" in str(gone.text)
    assert "--fresh" in str(gone.text)


def test_a_batch_that_shows_up_again_was_never_lost() -> None:
    watch = a_watch()
    watch.on_absence(CREATED)
    watch.on_status(a_view(), CREATED + LOST_AFTER)
    assert watch.on_absence(CREATED + LOST_AFTER + SECOND).move is Move.WAIT


def test_pauses_grow_by_half_up_to_the_longest() -> None:
    watch = a_watch(longest=10 * SECOND)
    pauses = [watch.on_status(a_view(), CREATED).pause.total_seconds() for _ in range(6)]
    assert pauses == [2.0, 3.0, 4.5, 6.75, 10.0, 10.0]


def test_after_cancelling_it_is_looked_at_often_again() -> None:
    watch = a_watch()
    for _ in range(20):
        watch.on_status(a_view(), CREATED)
    assert watch.on_status(a_view(), DEADLINE).pause == 2 * SECOND


def test_a_pause_does_not_sleep_through_the_deadline() -> None:
    watch = a_watch(first=timedelta(minutes=5), longest=timedelta(minutes=5))
    assert watch.on_status(a_view(), DEADLINE - SECOND).pause == SECOND


@given(
    first=st.floats(0.01, 60),
    span=st.floats(0, 600),
    jitter=st.none() | st.floats(0, 1),
    looks=st.lists(st.sampled_from(["seen", "failed", "absent"]), min_size=1, max_size=200),
)
def test_pauses_stay_within_their_bounds_whatever_is_seen(
    first: float, span: float, jitter: float | None, looks: list[str]
) -> None:
    bounds = {"first": first * SECOND, "longest": (first + span) * SECOND}
    watch = a_watch(**bounds, jitter=jitter, deadline=CREATED + timedelta(days=365))
    for look in looks:
        decision = {
            "seen": lambda: watch.on_status(a_view(), CREATED),
            "failed": lambda: watch.on_error(PASSING[0], CREATED),
            "absent": lambda: watch.on_absence(CREATED),
        }[look]()
        assert 0.79 * bounds["first"] <= decision.pause <= bounds["longest"]


@given(statuses=st.lists(st.sampled_from([*RUNNING, "cancelling"]), max_size=30))
def test_every_wait_comes_to_an_end(statuses: list[str]) -> None:
    """Whatever the provider shows until then: two graces after the deadline nothing is waited for."""
    watch = a_watch()
    now = DEADLINE
    for status in statuses:
        watch.on_status(a_view(status), now)
    decision = watch.on_status(a_view("in_progress"), now)
    assert watch.on_status(a_view("in_progress"), now + CANCEL_GRACE + SECOND).move is Move.HARVEST
    assert decision.move in (Move.CANCEL, Move.WAIT)


def test_the_expected_finish_follows_the_pace_so_far() -> None:
    now = CREATED + timedelta(minutes=10)
    view = a_view(started_at=CREATED, completed=20, failed=5, total=100)
    assert expected_finish(view, now) == now + timedelta(minutes=30)


@pytest.mark.parametrize(
    "view",
    [
        a_view("validating"),
        a_view("finalizing", started_at=CREATED, completed=10, total=10),
        a_view("in_progress", started_at=CREATED, completed=0, total=10),
        a_view("in_progress", completed=5, total=10),
        a_view("in_progress", started_at=CREATED, completed=5, total=0),
    ],
)
def test_what_cannot_be_foretold_is_not(view: BatchView) -> None:
    assert expected_finish(view, CREATED + SECOND) is None
