"""What is not submitted at once: a queue that is full, batches in waves, and canaries before the rest."""

from datetime import timedelta
from typing import Any

import pytest

from pressrun.errors import BatchRejected
from pressrun.routes.batch import look_watched, submit
from tests.flows.batch_runs import check_answers, some_calls, through_batch
from tests.patience import until
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_a_full_queue_is_waited_for(server: Server) -> None:
    message = "Enqueued token limit reached for gpt-6-luna in organization org-1."
    server.faults({"batches": [{"code": "token_limit_exceeded", "message": message, "times": 2}]})
    outcome = through_batch(server, some_calls("queue-full"))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert server.batches() == 3
    assert [message in note for note in outcome.notes] == [True, True]


def test_a_queue_that_stays_full_until_the_maximum_wait_leaves_the_work_to_real_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_when_refused(*arguments: Any) -> Any:
        """A batch that is still validated when the maximum wait is over would be cancelled."""
        until(lambda: "validating" not in server.statuses())
        return look_watched(*arguments)

    monkeypatch.setattr("tasks.batches.route.look_watched", look_when_refused)
    server.faults({"batches": [{"code": "token_limit_exceeded", "message": "Full.", "times": None}]})
    outcome = through_batch(server, some_calls("queue-stays-full"), max_wait_time=timedelta(seconds=3))
    check_answers(outcome)
    assert outcome.routes == {"realtime": 4}
    assert outcome.batches == []


def test_what_does_not_fit_the_queue_is_submitted_when_earlier_batches_have_ended(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier: list[list[str]] = []

    def submit_and_note(*arguments: Any, **options: Any) -> Any:
        earlier.append(server.statuses())
        return submit(*arguments, **options)

    monkeypatch.setattr("tasks.batches.route.submit", submit_and_note)
    monkeypatch.setenv("PRESSRUN_ENQUEUED_TOKENS", '{"gpt-6-luna": 150}')
    outcome = through_batch(server, some_calls("waves", 5))
    check_answers(outcome)
    assert outcome.routes == {"batch": 5}
    assert len(outcome.batches) > 1
    assert earlier == [["completed"] * number for number in range(len(outcome.batches))]


def test_a_canary_that_is_refused_keeps_the_other_requests_from_being_sent(server: Server) -> None:
    server.faults({"lines": [{"item": ".", "do": "error", "status": 400, "code": "unsupported_value", "times": None}]})
    with pytest.raises(BatchRejected, match=r"The first of 6 requests \(.*\) was refused \(unsupported_value\)"):
        through_batch(server, some_calls("canary-refused", 6), canary_above=5)
    assert server.batches() == 1


def test_a_canary_that_sings_is_paid_once(server: Server) -> None:
    outcome = through_batch(server, some_calls("canary-sings", 6), canary_above=5)
    check_answers(outcome)
    assert [batch.submitted for batch in outcome.batches] == [1, 5]
    assert outcome.routes == {"batch": 6}
