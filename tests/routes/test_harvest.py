"""Result files that are not what the batch's counts promise, and files in other clothes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from pressrun.errors import ResultsIncomplete, Unreadable
from pressrun.result_file import LONGEST_LINE, result_lines
from pressrun.routes.batch import Harvested, harvest, look
from pressrun.routes.batch.harvest import ACCEPTED_AFTER, PAUSES
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import a_shard, connect
from tests.routes.raw_batches import RawBatches, a_batch
from tests.routes.raw_server import Reply

SHARD = a_shard(*(a_call(f"article-{number:02d}") for number in range(1, 5)))
NOW = datetime.now(UTC)


def lines(*call_ids: str) -> list[dict[str, Any]]:
    body = a_chat_reply("Hello")
    return [{"custom_id": call_id, "response": {"status_code": 200, "body": body}} for call_id in call_ids]


def as_file(*records: Any) -> Reply:
    content = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return Reply(content, content_type="application/octet-stream")


WHOLE = as_file(*lines(*SHARD.ids))


def read(
    first: list[Reply], *, later: Reply = WHOLE, errors: Reply | None = None, ended: datetime = NOW, **batch: Any
) -> tuple[Harvested, int]:
    """Harvest a batch that counts four answers; also how often its file was downloaded."""
    contents = {"file-out": later} | ({"file-err": errors} if errors else {})
    provider = RawBatches([], contents=contents, first_contents=list(first))
    counts = {"total": 4, "completed": 4, "failed": 0}
    times = {"created_at": int(ended.timestamp()) - 60, "completed_at": int(ended.timestamp())}
    fields = {"status": "completed", "request_counts": counts, "output_file_id": "file-out", **times, **batch}
    provider.batches = [a_batch(1, **fields)]
    pauses: list[float] = []
    with provider.serving() as server, connect(server.base_url) as client:
        harvested = harvest(client, look(client, "batch_1"), SHARD, run_id="run-1", pause=pauses.append)
        return harvested, server.counts["GET /v1/files/file-out/content"]


@pytest.mark.parametrize(
    "first",
    [as_file(*lines(*SHARD.ids[:3])), as_file(), as_file({"error": {"message": "not yet"}}),
     Reply(WHOLE.content[:-40], content_type="application/octet-stream")],
    ids=["three lines of four", "empty", "an error object", "cut within the last line"],
)  # fmt: skip
def test_a_result_file_that_is_short_is_read_again(first: Reply) -> None:
    harvested, downloads = read([first])
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert downloads == 2
    assert harvested.discrepancies == []


def test_of_a_completed_batch_without_counts_every_request_has_a_line() -> None:
    harvested, downloads = read([as_file(*lines(*SHARD.ids[:3]))], request_counts=None)
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert downloads == 2


def test_a_file_that_stays_short_stops_the_spending() -> None:
    with pytest.raises(ResultsIncomplete, match=r"counts 4 answers, of which its result files have 3"):
        read([], later=as_file(*lines(*SHARD.ids[:3])))


def test_a_day_after_the_end_what_is_there_is_taken_and_the_difference_is_reported() -> None:
    harvested, downloads = read([], later=as_file(*lines(*SHARD.ids[:3])), ended=NOW - ACCEPTED_AFTER)
    assert [answer.code for answer in harvested.answers] == [None, None, None, "missing"]
    assert harvested.discrepancies == ["answered lines: 4 according to the batch, 3 according to its lines"]
    assert downloads == len(PAUSES) + 1


def test_a_line_that_stays_unreadable_harms_its_own_call_only() -> None:
    content = as_file(*lines(*SHARD.ids[:3])).content + b"<html>\n"
    harvested, downloads = read([], later=Reply(content, content_type="application/octet-stream"))
    assert [answer.code for answer in harvested.answers] == [None, None, None, "missing"]
    assert downloads == len(PAUSES) + 1


XML = b'<?xml version="1.0"?>\n<Error>\n<Code>ServerBusy</Code>\n<Message>busy</Message>\n</Error>\n'


@pytest.mark.parametrize(
    "content",
    [XML, as_file(*lines("a", "b", "c", "d")).content, b"data: " + WHOLE.content.replace(b"\n", b"\ndata: ")],
    ids=["a page of XML", "the file of another batch", "events"],
)
def test_a_file_of_something_else_is_never_taken_for_a_whole_one(content: bytes) -> None:
    with pytest.raises(ResultsIncomplete):
        read([], later=Reply(content, content_type="application/octet-stream"))


def test_a_web_page_is_known_by_its_content_and_not_by_its_type() -> None:
    page = Reply(b"<html><body>\nBad gateway\n</body></html>\n", content_type="text/html")
    harvested, downloads = read([page], later=Reply(WHOLE.content, content_type="text/html"))
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert downloads == 2


def test_failures_that_the_batch_counts_as_answers_are_read_again() -> None:
    failures = [{"custom_id": call_id, "response": {"status_code": 503}} for call_id in SHARD.ids[:2]]
    harvested, downloads = read([as_file(*failures, *lines(*SHARD.ids[2:]))])
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert downloads == 2


@pytest.mark.parametrize(
    "response",
    [{"status_code": 200, "body": {"error": {"message": "Busy", "code": 429}}},
     {"body": {"error": {"message": "Busy", "code": 503}}}, {"status_code": 503},
     {"status_code": 200, "body": "<html>"}],
    ids=["an error within status 200", "an error without a status", "status 503", "a page"],
)  # fmt: skip
def test_a_line_that_stays_an_error_harms_its_own_call_although_the_batch_counts_it_as_an_answer(response: Any) -> None:
    failure = {"custom_id": SHARD.ids[0], "response": response}
    harvested, _ = read([], later=as_file(failure, *lines(*SHARD.ids[1:])))
    assert [answer.retryable for answer in harvested.answers] == [True, False, False, False]
    assert harvested.account.unanswered == 1


@pytest.mark.parametrize("failures_in", ["file-out", "file-err"])
def test_an_error_is_never_taken_for_the_line_of_an_answer_that_is_missing(failures_in: str) -> None:
    failure = {"custom_id": SHARD.ids[0], "response": {"status_code": 429}}
    files = {"file-out": lines(*SHARD.ids[1:3]), "file-err": []}
    files[failures_in].append(failure)
    named = {"error_file_id": "file-err"} if failures_in == "file-err" else {}
    counts = {"total": 4, "completed": 3, "failed": 1}
    with pytest.raises(ResultsIncomplete, match="counts 3 answers, of which its result files have 2"):
        read([], later=as_file(*files["file-out"]), errors=as_file(*files["file-err"]), request_counts=counts, **named)


def test_a_file_of_errors_that_is_gone_harms_only_the_calls_without_an_answer() -> None:
    counts = {"total": 4, "completed": 3, "failed": 1}
    harvested, downloads = read(
        [], later=as_file(*lines(*SHARD.ids[:3])), request_counts=counts, error_file_id="file-gone"
    )
    assert [answer.code for answer in harvested.answers] == [None, None, None, "missing"]
    assert downloads == 1


def test_a_file_of_answers_that_is_gone_harms_nothing_where_no_call_was_answered() -> None:
    failures = [{"custom_id": call_id, "error": {"code": "invalid_value", "message": "no"}} for call_id in SHARD.ids]
    counts = {"total": 4, "completed": 0, "failed": 4}
    harvested, _ = read(
        [],
        errors=as_file(*failures),
        request_counts=counts,
        output_file_id="file-gone",
        error_file_id="file-err",
    )
    assert [answer.code for answer in harvested.answers] == ["invalid_value"] * 4


def test_a_line_with_an_id_of_nobody_counts_as_what_it_may_have_been() -> None:
    failure = {"custom_id": SHARD.ids[0], "response": {"status_code": 503}}
    harvested, _ = read([], later=as_file(failure, *lines("someone-else", *SHARD.ids[2:])))
    assert [answer.code for answer in harvested.answers] == ["503", "missing", None, None]


def test_an_id_in_capitals_is_that_of_the_call() -> None:
    harvested, downloads = read([as_file(*lines(*map(str.upper, SHARD.ids)))])
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert downloads == 1


def test_answers_in_a_file_that_is_never_named_stop_the_spending() -> None:
    with pytest.raises(ResultsIncomplete, match="counts 4 answers, of which its result files have 0"):
        read([], output_file_id=None)


def test_a_file_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    # In the package, `harvest` is the function.
    monkeypatch.setattr(import_module("pressrun.routes.batch.harvest"), "SPARE_LINES", 50)
    with pytest.raises(Unreadable, match="has more lines than batch batch_1 can have results"):
        read([], later=as_file(*lines(*SHARD.ids), *[{"custom_id": "stranger"}] * 100))


def test_lines_that_never_ran_do_not_make_a_file_short() -> None:
    counts = {"total": 4, "completed": 2, "failed": 0}
    expired = [{"custom_id": call_id, "error": {"code": "batch_expired"}} for call_id in SHARD.ids[2:]]
    harvested, downloads = read(
        [], later=as_file(*lines(*SHARD.ids[:2]), *expired), status="expired", request_counts=counts
    )
    assert [answer.code for answer in harvested.answers] == [None, None, "batch_expired", "batch_expired"]
    assert downloads == 1


PRETTY = "\n".join(json.dumps(record, indent=2) for record in lines(*SHARD.ids))
CLOTHES: dict[str, Callable[[], bytes]] = {
    "an array": lambda: json.dumps(lines(*SHARD.ids)).encode(),
    "a pretty-printed array": lambda: json.dumps(lines(*SHARD.ids), indent=2).encode(),
    "pretty-printed objects": PRETTY.encode,
    "UTF-16": lambda: WHOLE.content.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda: WHOLE.content.decode().encode("utf-16-le"),
    "UTF-8 with a mark": lambda: b"\xef\xbb\xbf" + WHOLE.content,
    "a pretty-printed array with a mark": lambda: b"\xef\xbb\xbf" + json.dumps(lines(*SHARD.ids), indent=2).encode(),
    "OpenAI's list": lambda: json.dumps({"object": "list", "data": lines(*SHARD.ids)}).encode(),
    "OpenAI's list, pretty-printed": lambda: json.dumps(
        {"object": "list", "data": lines(*SHARD.ids)}, indent=1
    ).encode(),
    "CR and LF": lambda: WHOLE.content.replace(b"\n", b"\r\n"),
    "blank lines": lambda: b"\n\n" + WHOLE.content.replace(b"\n", b"\n\n"),
}


@pytest.mark.parametrize("clothes", CLOTHES)
def test_a_file_in_other_clothes_is_read(clothes: str) -> None:
    harvested, downloads = read([], later=Reply(CLOTHES[clothes](), content_type="application/octet-stream"))
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert downloads == 1


def test_a_failure_and_later_an_answer_to_the_same_call_is_an_answer() -> None:
    failure = {"custom_id": SHARD.ids[0], "response": {"status_code": 500, "body": {"error": {"message": "busy"}}}}
    harvested, _ = read([], later=as_file(failure, *lines(*SHARD.ids)))
    assert [answer.error for answer in harvested.answers] == [None] * 4
    assert harvested.account.duplicates == 1


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    chunks = (b"{" + b"x" * 1_000_000 for _ in range(LONGEST_LINE // 1_000_000 + 2))
    with pytest.raises(Unreadable, match="longer than 128 MB"):
        list(result_lines(chunks))
