"""Faults at every phase of a batch, injected at the wire, with what the user gets in the end.

In all of them: one batch for each distinct payload, and one answer for each call.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openai import OpenAI

from pressrun.errors import BatchLost, BatchRejected, ResultsGone, ResultsIncomplete
from pressrun.progress import Event, Note, listening
from pressrun.routes.batch import BatchView, BatchWatch, Problem, look_watched
from tests.flows.batch_runs import check_answers, slug, some_calls, through_batch
from tests.provider import Server
from tests.routes.test_wire_faults import PHASES
from tests.simulator.clock import Clock

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("server", [0.2], indirect=True)
def test_a_fault_of_the_wire_costs_time_and_nothing_else(server: Server, phase: str) -> None:
    """Every fault at every phase is in tests/routes/test_wire_faults.py; here is what a task makes of one."""
    server.faults({"requests": [{"at": PHASES[phase], "do": "drop_after"}]})
    outcome = through_batch(server, some_calls(slug(phase)))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert server.batches() == 1
    assert server.was_hit()


def test_a_cancellation_that_fails_is_asked_for_again(server: Server) -> None:
    fail = {"at": "POST /v1/batches/{id}/cancel", "do": "status", "status": 500}
    server.faults({"requests": [fail], "batches": [{"stuck": "validating"}]})
    outcome = through_batch(server, some_calls("cancel"), max_wait_time=timedelta(seconds=1))
    check_answers(outcome)
    assert server.was_hit()
    assert outcome.batches[0].status == "cancelled"
    assert outcome.answered == 4
    assert server.batches() == 1


def test_an_input_file_that_validation_does_not_find_is_uploaded_anew_at_once(server: Server) -> None:
    message = "Cannot find file file-1, or the organization does not have access to it."
    server.faults({"batches": [{"code": "invalid_request", "message": message}]})
    outcome = through_batch(server, some_calls("lost-file"))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert server.count("/v1/files") == server.batches() == 2


def test_an_input_file_that_is_not_found_a_second_time_ends_the_run_with_the_reason(server: Server) -> None:
    server.faults({"batches": [{"code": "invalid_request", "message": "Cannot find file file-1.", "times": 2}]})
    with pytest.raises(BatchRejected, match="Cannot find file"):
        through_batch(server, some_calls("lost-file-twice"))
    assert server.batches() == 2


def test_a_refusal_that_the_provider_takes_back_is_looked_at_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look shows the batch as refused; when the job is submitted anew, the same batch is adopted."""
    looks: list[BatchView] = []

    def look_refused_at_first(client: OpenAI, watches: Mapping[str, BatchWatch]) -> Any:
        views, decisions = look_watched(client, watches)
        if not looks:
            lost = Problem(code="invalid_request", message="Cannot find file file-1.", line=None, param="file_id")
            refused = {"status": "failed", "problems": (lost,), "completed": 0, "started_at": None}
            views = {batch_id: view.model_copy(update=refused) for batch_id, view in views.items()}
            now = datetime.now(UTC)
            decisions = {batch_id: watch.on_status(views[batch_id], now) for batch_id, watch in watches.items()}
        looks.extend(views.values())
        return views, decisions

    monkeypatch.setattr("tasks.batches.route.look_watched", look_refused_at_first)
    outcome = through_batch(server, some_calls("taken-back"))
    check_answers(outcome)
    assert looks[0].is_without_file
    assert outcome.routes == {"batch": 4}
    assert server.batches() == 1


def test_any_other_refusal_stops_the_run_and_quotes_the_line_and_its_item(server: Server) -> None:
    server.faults({"batches": [{"code": "invalid_json_line", "message": "Not JSON.", "line": 3}]})
    with pytest.raises(BatchRejected, match=r"line 3 \(refused-articles-article-03-\w+\): invalid_json_line: Not JSON"):
        through_batch(server, some_calls("refused"))
    assert server.posts() == {"chat": 0, "images": 0, "batches": 1}


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing"])
def test_a_batch_that_is_stuck_is_cancelled_at_the_maximum_wait(server: Server, status: str) -> None:
    server.faults({"batches": [{"stuck": status}]})
    outcome = through_batch(server, some_calls(slug("stuck", status)), max_wait_time=timedelta(seconds=1))
    check_answers(outcome)
    assert outcome.batches[0].status == "cancelled"
    assert outcome.answered == 4
    assert server.batches() == 1


def test_a_batch_that_is_deaf_to_cancelling_is_left_with_a_warning(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressrun.routes.batch.watch.CANCEL_GRACE", timedelta(seconds=1))
    server.faults({"batches": [{"stuck": "in_progress", "deaf": True}]})
    outcome = through_batch(server, some_calls("deaf"), max_wait_time=timedelta(seconds=1))
    check_answers(outcome)
    assert outcome.answered == 4
    assert any("may still be billed" in note for note in outcome.notes)


@pytest.mark.parametrize("server", [0.0], indirect=True)
def test_files_that_come_after_the_end_are_waited_for(server: Server, clock: Clock) -> None:
    def let_them_come(event: Event) -> None:
        if isinstance(event, Note) and "waiting for its files" in event.text:
            clock.advance(3_600)

    server.faults({"batches": [{"late_output": 3_600}]})
    with listening(let_them_come):
        outcome = through_batch(server, some_calls("late-output"))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert any("waiting for its files" in note for note in outcome.notes)


def test_a_batch_that_vanishes_is_reported_and_not_replaced(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressrun.routes.batch.watch.LOST_AFTER", timedelta(seconds=0.5))
    server.faults({"batches": [{"vanish": 0.0}]})
    with pytest.raises(BatchLost, match="Nothing was submitted instead"):
        through_batch(server, some_calls("vanished"))
    assert server.posts() == {"chat": 0, "images": 0, "batches": 1}


def test_a_batch_whose_creation_went_unheard_and_that_the_list_shows_late_is_found(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSRUN_LIST_LAG", "3")
    server.faults(
        {"requests": [{"at": "POST /v1/batches", "do": "drop_after"}], "batches": [{"unlisted": 1.0}]},
    )
    outcome = through_batch(server, some_calls("unlisted"))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert server.batches() == 1


@pytest.mark.parametrize(
    "oddity",
    [{"empty_ids": True}, {"status_text": "scheduling"}, {"body_as_text": True}, {"no_usage": True}],
    ids=lambda oddity: next(iter(oddity)),
)
def test_what_compatible_servers_do_otherwise_is_understood(server: Server, oddity: dict[str, Any]) -> None:
    server.faults({"batches": [oddity]})
    outcome = through_batch(server, some_calls(slug("odd", next(iter(oddity)))))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert outcome.batches[0].discrepancies == []


def test_a_batch_whose_counts_do_not_add_up_says_so(server: Server) -> None:
    server.faults({"batches": [{"miscounted": 2}]})
    outcome = through_batch(server, some_calls("miscounted"))
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert outcome.batches[0].discrepancies == ["answered lines: 6 according to the batch, 4 according to its lines"]


@pytest.mark.parametrize(
    ("fault", "account"),
    [
        ({"do": "error", "status": 400, "code": "invalid_value"}, {"answered": 3, "failed": 1}),
        ({"do": "error", "status": 429, "code": "rate_limit_exceeded"}, {"answered": 3, "unanswered": 1}),
        ({"do": "error", "status": 500, "code": "server_error"}, {"answered": 3, "unanswered": 1}),
        ({"do": "garbage"}, {"answered": 3, "unanswered": 1, "garbage": 1}),
        ({"do": "duplicate"}, {"answered": 4, "duplicates": 1}),
        ({"do": "stranger"}, {"answered": 4, "unknown": 1}),
    ],
    ids=lambda value: slug(*map(str, value.values())) if "do" in value else "",
)
def test_a_bad_line_is_accounted_for_and_asked_again_where_that_may_help(
    server: Server, fault: dict[str, Any], account: dict[str, int]
) -> None:
    server.faults({"lines": [{"item": "article-02", **fault}]})
    outcome = through_batch(server, some_calls(slug("line", *map(str, fault.values()))))
    check_answers(outcome)
    [batch] = outcome.batches
    kinds = ("answered", "failed", "unanswered", "garbage", "duplicates", "unknown")
    assert {kind: getattr(batch, kind) for kind in kinds if getattr(batch, kind)} == account
    assert server.posts() == {"chat": account.get("unanswered", 0), "images": 0, "batches": 1}
    assert outcome.answered == 4 - account.get("failed", 0)


def test_a_line_that_the_batch_counts_and_nobody_finds_stops_the_spending(server: Server) -> None:
    server.faults({"lines": [{"item": "article-02", "do": "missing"}]})
    with pytest.raises(ResultsIncomplete, match="counts 4 answers, of which its result files have 3"):
        through_batch(server, some_calls("missing"))
    assert server.posts() == {"chat": 0, "images": 0, "batches": 1}


def test_answers_that_an_earlier_run_did_not_find_either_are_paid_for_again(server: Server) -> None:
    calls = some_calls("gone")
    # Five downloads of each run, and one look by the second whether the batch can be read.
    lost = {"at": "GET /v1/files/{id}/content", "do": "status", "status": 404, "times": 11}
    server.faults({"requests": [lost]})
    with pytest.raises(ResultsGone, match=r"nothing was asked again\. Run again"):
        through_batch(server, calls)
    assert server.posts() == {"chat": 0, "images": 0, "batches": 1}
    outcome = through_batch(server, calls)
    check_answers(outcome)
    assert outcome.routes == {"batch": 4}
    assert server.posts() == {"chat": 0, "images": 0, "batches": 2}
    assert any("its result files are gone, so it is paid for again" in note for note in outcome.notes)
    assert any(note.startswith("collect-answers: A result file of batch") for note in outcome.notes)
