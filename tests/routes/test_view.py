"""One reading of a batch object, whatever a server writes into it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.errors import Unreadable
from pressrun.routes.batch import BatchView, BatchWatch, Move, look, look_watched
from pressrun.routes.batch.view import read_status
from pressrun.routes.records import BatchRecord
from tests.routes.driving import connect
from tests.routes.raw_batches import a_batch
from tests.routes.raw_server import Reply, serving

SECOND = timedelta(seconds=1)
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        *((word, "completed") for word in ("completed", "COMPLETED", "Succeeded", "done", "ended", "FINISHED")),
        *((word, "completed") for word in ("JOB_STATE_SUCCEEDED", "SUCCESS", "PartiallyCompleted")),
        *((word, "completed") for word in ("BatchStatus.COMPLETED", "STATUS_COMPLETED", "completed_successfully")),
        *((word, "failed") for word in ("rejected", "validation_failed", "JobStatus.REJECTED")),
        *((word, "cancelled") for word in ("cancelled_by_user", "CANCELED_BY_USER")),
        ("status", "status"),
        *((word, "cancelled") for word in ("cancelled", "canceled", "CANCELED", "Stopped")),
        *((word, "cancelling") for word in ("cancelling", "canceling", "CANCELLATION_REQUESTED")),
        *((word, "failed") for word in ("failed", "error", "errored", "FAILURE")),
        *((word, "expired") for word in ("expired", "timeout", "timed_out", "TIMEOUT_EXCEEDED")),
        *((word, "in_progress") for word in ("in_progress", "in-progress", "InProgress", "RUNNING", "processing")),
        ("scheduling", "scheduling"),
        ("", "unknown"),
        (None, "unknown"),
        (3, "unknown"),
    ],
)
def test_a_status_means_the_same_in_any_spelling(told: Any, status: str) -> None:
    assert read_status(told) == status
    assert BatchView.read({"status": told}).status == BatchRecord.read({"status": told}).status == status


def test_when_it_ended_is_read_under_the_name_of_either_word() -> None:
    when = NOW.timestamp()
    for record in ({"status": "ended", "ended_at": when}, {"status": "SUCCEEDED", "completed_at": when}):
        assert BatchView.read(record).ended_at == NOW


@pytest.mark.parametrize(
    ("changes", "is_terminal"),
    [
        ({}, True),
        ({"status": "in_progress"}, False),
        ({"status": "finalizing"}, False),
        ({"output_file_id": None}, False),
        ({"request_counts": {"completed": 2, "failed": 0, "total": 3}}, False),
        ({"request_counts": {"completed": 0, "failed": 0, "total": 0}}, False),
        ({"request_counts": None}, False),
    ],
)
def test_an_unknown_status_has_ended_when_every_line_is_done_and_files_are_named(
    changes: dict[str, Any], is_terminal: bool
) -> None:
    record = {"status": "zu Ende", "output_file_id": "file-out"}
    record |= {"request_counts": {"completed": "2", "failed": 1, "total": "3"}}
    assert BatchView.read({**record, **changes}).is_terminal is is_terminal


@pytest.mark.parametrize(
    "errors",
    [
        {"object": "list", "data": [{"code": "x", "message": "It is wrong.", "line": 2}]},
        [{"code": "x", "message": "It is wrong.", "line": "2"}],
        {"code": "x", "message": "It is wrong.", "line": 2},
    ],
)
def test_errors_are_read_in_every_form(errors: Any) -> None:
    record = {"status": "failed", "errors": errors}
    [problem] = BatchView.read(record).problems
    assert (problem.code, problem.message, problem.line) == ("x", "It is wrong.", 2)
    assert BatchRecord.read(record).problems == ("line 2: x: It is wrong.",)


def test_errors_that_are_text_keep_their_words() -> None:
    assert BatchRecord.read({"errors": "It is wrong."}).problems == ("unknown: It is wrong.",)
    assert BatchRecord.read({"errors": None, "error": {"message": "Also."}}).problems == ("unknown: Also.",)


@pytest.mark.parametrize(
    ("problem", "is_without_file"),
    [
        ({"message": "Cannot find file file-1, or the organization does not have access to it.", "line": None}, True),
        ({"message": "It does not exist.", "param": "input_file_id"}, True),
        ({"code": "fileNotFound"}, True),
        ({"message": "Cannot find the image file.", "line": 3}, False),
        ({"message": "The model does not exist."}, False),
        ({"message": "The model gpt-4.1 in the input file does not exist."}, False),
        ({"message": "Input file not found. Received Model Group=gpt-5"}, True),
        ({"message": "The file is not valid JSON.", "param": "input_file_id"}, False),
    ],
)
def test_a_refusal_that_names_the_file_is_told_apart(problem: dict[str, Any], is_without_file: bool) -> None:
    record = {"status": "failed", "errors": {"data": [problem]}}
    assert BatchView.read(record).is_without_file is is_without_file


def test_a_batch_that_failed_after_some_lines_were_done_was_not_refused() -> None:
    view = BatchView.read({"status": "failed", "request_counts": {"completed": "3", "failed": 1, "total": 4}})
    assert (view.is_refused, view.is_whole) == (False, False)


@pytest.mark.parametrize(
    "shown",
    [{"in_progress_at": 1_795_435_200}, {"usage": {"output_tokens": 3}}, {"request_counts": {"failed": 1, "total": 4}}],
)
def test_a_batch_that_failed_in_its_middle_was_not_refused_and_its_files_are_awaited(shown: dict[str, Any]) -> None:
    view = BatchView.read({"status": "failed", **shown})
    assert (view.is_refused, view.is_whole) == (False, False)
    assert BatchView.read({"status": "failed", "request_counts": {"total": 4}}).is_refused


def test_a_batch_without_its_input_file_was_refused_whatever_else_is_said_of_it() -> None:
    errors = {"data": [{"message": "Cannot find file file-1.", "code": "invalid_request", "param": "file_id"}]}
    signs = {"in_progress_at": 1_795_435_200, "usage": {"input_tokens": 900}}
    assert BatchView.read({"status": "failed", "errors": errors, **signs}).is_without_file
    answered = {"request_counts": {"completed": 1, "total": 4}}
    assert not BatchView.read({"status": "failed", "errors": errors, **signs, **answered}).is_refused


def test_ids_and_metadata_are_read_in_every_form() -> None:
    view = BatchView.read(
        {"id": 100, "input_file_id": {"id": "file-in"}, "output_file_id": ["file-out"], "error_file_id": 7}
        | {"metadata": '{"pressrun_key": "k"}'}
    )
    assert (view.batch_id, view.input_file_id, view.result_files) == ("100", "file-in", ["file-out", "7"])
    assert view.metadata == {"pressrun_key": "k"}
    assert BatchView.read({"metadata": "mine"}).metadata == {}


def test_metadata_without_a_value_is_left_out() -> None:
    view = BatchView.read({"metadata": {"pressrun_key": None, "sites": "", "pressrun_schema": 1}})
    assert view.metadata == {"pressrun_schema": "1"}


def test_a_full_queue_is_known_by_its_words_too() -> None:
    errors = [{"message": "Enqueued token limit reached for gpt-6-luna in organization org-1."}]
    assert BatchView.read({"status": "failed", "errors": errors}).is_queue_full


def test_missing_data_is_never_a_guess() -> None:
    view = BatchView.read({})
    assert (view.created_at, view.expires_at, view.total, view.problems) == (None, None, 0, ())


FIELDS = ["id", "status", "created_at", "expires_at", "metadata", "request_counts", "errors", "error", "completed_at"]
FIELDS += ["in_progress_at", "cancelling_at", "input_file_id", "output_file_id", "usage", "model", "endpoint"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.timedeltas())
def test_any_json_is_read_and_decided_on(record: dict[str, Any], ahead: timedelta) -> None:
    view = BatchView.read(record, ahead)
    BatchRecord.of(view)
    watch = BatchWatch(deadline=NOW + SECOND, first=SECOND, longest=SECOND)
    assert watch.on_status(view, NOW).move in (Move.WAIT, Move.HARVEST)
    assert view.total >= 0
    assert "" not in view.result_files


@pytest.mark.parametrize(
    "body",
    [
        {**a_batch(2), "object": "file"},
        {"id": "req_1", "status": "error", "message": "upstream timed out"},
        {"id": "batch_1"},
        a_batch(1, status=None),
        {"error": {"message": "upstream timed out"}},
        {"status": "completed"},
        [],
        b"<html>",
    ],
)
def test_a_reply_that_is_not_about_the_batch_is_a_failed_look(body: Any) -> None:
    watch = BatchWatch(deadline=NOW + timedelta(days=3650), first=SECOND, longest=SECOND)
    with serving(lambda _asked: Reply(body)) as server, connect(server.base_url) as client:
        with pytest.raises(Unreadable):
            look(client, "batch_1")
        views, decisions = look_watched(client, {"batch_1": watch})
    assert views == {}
    assert (decisions["batch_1"].move, watch.failed_polls) == (Move.WAIT, 1)


def test_a_gateways_other_id_for_a_batch_is_taken_for_the_one_that_was_asked_for() -> None:
    for kind in ("batch", None):
        raw = Reply(a_batch(1, id="batch_raw", status="completed", object=kind))
        with serving(lambda _asked, raw=raw: raw) as server, connect(server.base_url) as client:
            view = look(client, "batch_encoded")
        assert (view.batch_id, view.status) == ("batch_encoded", "completed")


def test_batches_with_numbers_as_ids_are_looked_at() -> None:
    numbered = Reply(a_batch(1, id=100))
    with serving(lambda _asked: numbered) as server, connect(server.base_url) as client:
        assert look(client, "100").batch_id == "100"
