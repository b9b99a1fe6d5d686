"""What becomes of calls that a batch left unanswered, by each policy: answers are kept, and the rest is bounded."""

import pytest

from pressrun.strategy import Leftover
from tests.flows.batch_runs import check_answers, slug, some_calls, through_batch
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_what_a_batch_answered_before_it_ended_early_is_kept_and_only_the_rest_is_paid_in_real_time(
    server: Server, end: str, share: float
) -> None:
    server.faults({"batches": [{"end": end, "share": share}]})
    outcome = through_batch(server, some_calls(slug(end, str(share))))
    check_answers(outcome)
    kept = int(4 * share)
    assert (outcome.batches[0].status, outcome.batches[0].answered) == (end, kept)
    assert outcome.answered == 4
    assert outcome.routes == {route: count for route, count in (("batch", kept), ("realtime", 4 - kept)) if count}
    assert server.posts() == {"chat": 4 - kept, "images": 0, "batches": 1}


def test_leftovers_may_go_into_a_batch_of_their_own(server: Server) -> None:
    server.faults({"batches": [{"end": "expired", "share": 0.5}]})
    outcome = through_batch(server, some_calls("resubmitted"), on_timeout=Leftover.RESUBMIT)
    check_answers(outcome)
    first, second = outcome.batches
    assert (first.submitted, first.answered, second.submitted, second.answered) == (4, 2, 2, 2)
    assert second.after == first.id
    assert outcome.routes == {"batch": 4}
    assert server.posts() == {"chat": 0, "images": 0, "batches": 2}


def test_a_batch_that_expires_without_an_answer_is_not_taken_for_the_one_that_follows_it(server: Server) -> None:
    """The same calls again are the same payload: only what it comes after tells the two batches apart."""
    server.faults({"batches": [{"end": "expired", "share": 0.0}]})
    outcome = through_batch(server, some_calls("resubmitted-whole"), on_timeout=Leftover.RESUBMIT)
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert server.batches() == 2


def test_rounds_are_bounded_and_real_time_has_the_last_word(server: Server) -> None:
    server.faults({"batches": [{"end": "expired", "share": 0.0, "times": None}]})
    outcome = through_batch(server, some_calls("rounds"), on_timeout=Leftover.RESUBMIT, max_rounds=2)
    check_answers(outcome)
    assert outcome.routes == {"realtime": 4}
    assert server.posts() == {"chat": 4, "images": 0, "batches": 2}


def test_lines_that_failed_and_lines_that_ran_out_of_time_go_by_policies_of_their_own(server: Server) -> None:
    server.faults(
        {
            "batches": [{"end": "expired", "share": 0.5}],
            "lines": [{"item": "article-04", "do": "error", "status": 500, "code": "server_error"}],
        }
    )
    outcome = through_batch(
        server, some_calls("two-policies"), on_timeout=Leftover.FAIL, on_retryable=Leftover.RESUBMIT
    )
    check_answers(outcome)
    failed = [answer for answer in outcome.answers.values() if answer.error]
    assert {answer.code for answer in failed} == {"batch_expired"}
    assert [batch.submitted for batch in outcome.batches] == [4, 1]
    assert server.posts() == {"chat": 0, "images": 0, "batches": 2}


def test_what_the_strategy_left_missing_is_submitted_again_by_the_next_run(server: Server) -> None:
    server.faults({"batches": [{"end": "expired", "share": 0.5}]})
    calls = some_calls("failed-then-resubmitted")
    first = through_batch(server, calls, on_timeout=Leftover.FAIL)
    check_answers(first)
    missing = [answer for answer in first.answers.values() if answer.error]
    assert len(missing) == 2
    assert not any(answer.retryable for answer in missing)
    assert "the strategy does not allow a real-time fallback" in str(missing[0].error)
    second = through_batch(server, calls, on_timeout=Leftover.FAIL)
    check_answers(second)
    assert second.routes == {"batch": 4}
    assert server.posts() == {"chat": 0, "images": 0, "batches": 2}
