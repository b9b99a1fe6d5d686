"""Batches and files at the provider: read whatever is sent, bounded, and with our own errors."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from pressrun.errors import PressrunError, ProviderUnfit, Refused
from pressrun.routes.filelist import FileRecord
from pressrun.routes.housekeeping import (
    cancel_batch,
    delete_file,
    find_batch,
    find_file,
    read_batches,
    read_files,
    select,
)
from pressrun.routes.records import BatchRecord
from pressrun.simulator import running_simulator
from tests.routes.raw_server import Asked, Reply, serving
from tests.simulator.driving import a_line, connect, submit, upload, wait_for

KEY = "ab" * 32
CREATED = 1_795_435_200


def a_record(number: int = 1, **changes: Any) -> dict[str, Any]:
    metadata = {"pressrun_key": KEY, "pressrun_schema": "1", "flow_run_id": "run-1", "sites": "bakery,florist"}
    return {"id": f"batch_{number}", "status": "in_progress", "created_at": CREATED, "metadata": metadata, **changes}


def listing(count: int, *, forever: bool = False) -> Callable[[Asked], Reply]:
    """A provider with so many batches, newest first."""
    ids = [f"batch_{number}" for number in range(count)]

    def answer(asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)
        start = ids.index(query["after"][0]) + 1 if "after" in query and not forever else 0
        end = start + int(query["limit"][0])
        page = [a_record(created_at=CREATED - number, id=ids[number]) for number in range(start, min(end, count))]
        return Reply({"object": "list", "data": page, "has_more": forever or end < count})

    return answer


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[OpenAI]:
    with running_simulator(tmp_path, batch_seconds=0.1) as url, connect(url) as client:
        yield client


def test_a_batch_is_read_with_all_that_people_ask_about(simulated: OpenAI) -> None:
    metadata = {"pressrun_key": KEY, "flow_run_id": "run-7", "sites": "bakery,florist", "pressrun_after": "batch_0"}
    made = submit(simulated, a_line(), metadata=metadata)
    ended = wait_for(simulated, made)
    (batch,) = read_batches(simulated).batches
    assert batch == find_batch(simulated, made.id)
    assert (batch.id, batch.status, batch.is_ours, batch.is_live) == (made.id, "completed", True, False)
    assert (batch.key, batch.run_id, batch.after) == (KEY, "run-7", "batch_0")
    assert (batch.sites, batch.sites_cut) == (("bakery", "florist"), False)
    assert (batch.total, batch.completed, batch.failed) == (1, 1, 0)
    assert (batch.endpoint, batch.model) == ("/v1/chat/completions", "gpt-6-luna")
    assert batch.files == {"input": ended.input_file_id, "output": ended.output_file_id}
    assert batch.created_at == datetime.fromtimestamp(made.created_at, UTC)
    assert batch.expires_at == batch.created_at + timedelta(days=1)
    assert batch.ended_at and batch.ended_at.tzinfo is UTC


def test_what_validation_found_is_kept_with_its_line(simulated: OpenAI) -> None:
    made = wait_for(simulated, submit(simulated, a_line(), a_line()))
    (problem,) = find_batch(simulated, made.id).problems
    assert problem.startswith("line 2: duplicate_custom_id: ")


def test_a_status_that_nobody_knows_survives_and_counts_as_live() -> None:
    batch = BatchRecord.read(a_record(status="pondering"))
    assert (batch.status, batch.is_live) == ("pondering", True)


def test_falsy_file_ids_are_absent_and_a_missing_expiry_is_a_day_after_the_creation() -> None:
    batch = BatchRecord.read(a_record(input_file_id="file-1", output_file_id="", error_file_id=None))
    assert batch.files == {"input": "file-1"}
    assert batch.expires_at == datetime.fromtimestamp(CREATED, UTC) + timedelta(days=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = [
    "id",
    "status",
    "created_at",
    "expires_at",
    "metadata",
    "request_counts",
    "errors",
    "input_file_id",
    "output_file_id",
    "error_file_id",
    "model",
    "endpoint",
    "completed_at",
    "filename",
    "purpose",
    "bytes",
]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_json_a_server_sends_is_read(record: dict[str, Any]) -> None:
    batch, file = BatchRecord.read(record), FileRecord.read(record)
    assert batch.total >= 0
    assert None not in batch.files.values()
    assert file.size is None or file.size >= 0


@pytest.mark.parametrize(
    ("name", "purpose", "is_ours"),
    [
        (f"pressrun-{'0a' * 16}.jsonl", "batch", True),
        ("0123456789abcdef.jsonl", "batch", True),
        ("0123456789abcdef.jsonl", None, True),
        ("0123456789abcdef.jsonl", "fine-tune", False),
        ("0123456789ABCDEF.jsonl", "batch", False),
        ("0123456789abcdef.jsonl.bak", "batch", False),
        (f"my-pressrun-{'0a' * 16}.jsonl", "batch", False),
        ("input.jsonl", "batch", False),
        ("0123456789abcdef.jsonl\n", "batch", False),
    ],
)
def test_an_input_file_is_ours_by_its_whole_name(name: str, purpose: str | None, is_ours: bool) -> None:
    assert FileRecord.read({"id": "file-1", "filename": name, "purpose": purpose}).is_our_input is is_ours


def test_batches_are_chosen_by_site_run_and_state_and_foreign_ones_never() -> None:
    mine = a_record()["metadata"]
    batches = [
        BatchRecord.read(a_record(1)),
        BatchRecord.read(a_record(2, status="completed")),
        BatchRecord.read(a_record(3, metadata={**mine, "flow_run_id": "run-2", "sites": "winery"})),
        BatchRecord.read(a_record(4, metadata={"sites": "bakery"})),
        BatchRecord.read(a_record(5, metadata=None)),
    ]

    def chosen(**wanted: Any) -> list[str]:
        return [batch.id.removeprefix("batch_") for batch in select(batches, **wanted)]

    assert chosen() == ["1", "2", "3"]
    assert chosen(site="bakery") == ["1", "2"]
    assert chosen(site="bake") == []
    assert chosen(site="florist", live_only=True) == ["1"]
    assert chosen(run_id="run-2") == ["3"]
    assert chosen(run_id="run-") == ["1", "2", "3"]


def test_where_the_list_of_sites_was_cut_a_later_slug_may_be_in_the_batch() -> None:
    sites = ",".join(f"site-{number:03d}" for number in range(100))[:512]
    batch = BatchRecord.read(a_record(metadata={"pressrun_key": KEY, "sites": sites}))
    assert batch.sites_cut
    assert batch.may_hold("site-003") and batch.may_hold("site-099") and batch.may_hold("winery")
    assert not batch.may_hold("bakery")


def test_all_pages_are_read_newest_first() -> None:
    with serving(listing(250)) as server, connect(server.base_url) as client:
        seen = read_batches(client)
    assert [batch.id for batch in seen.batches] == [f"batch_{number}" for number in range(250)]
    assert seen.is_complete
    assert len(server.asked) == 3


def test_the_look_back_is_bounded_and_says_when_it_was_reached() -> None:
    with serving(listing(250)) as server, connect(server.base_url) as client:
        seen, exact = read_batches(client, most=120), read_batches(client, most=250)
    assert (len(seen.batches), seen.is_complete) == (120, False)
    assert (len(exact.batches), exact.is_complete) == (250, True)


def test_a_list_without_end_is_left_when_it_brings_nothing_new() -> None:
    with serving(listing(100, forever=True)) as server, connect(server.base_url) as client:
        seen = read_batches(client, most=1_000)
    assert (len(seen.batches), seen.is_complete) == (100, False)
    assert len(server.asked) == 2


def test_a_batch_that_is_cancelled_is_looked_at_again(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=86_400) as url, connect(url) as client:
        made = submit(client, a_line())
        assert cancel_batch(client, made.id).status == "cancelling"
        assert cancel_batch(client, made.id).status == "cancelling"


def test_cancelling_a_batch_that_has_ended_shows_how_it_ended(simulated: OpenAI) -> None:
    made = wait_for(simulated, submit(simulated, a_line()))
    assert cancel_batch(simulated, made.id).status == "completed"


def test_a_file_is_found_deleted_once_and_then_gone(simulated: OpenAI) -> None:
    file_id = upload(simulated, a_line())
    found = find_file(simulated, file_id)
    assert found and (found.id, found.name, found.purpose) == (file_id, "input.jsonl", "batch")
    assert found.size and found.created_at
    assert read_files(simulated).files == (found,)
    assert delete_file(simulated, file_id)
    assert not delete_file(simulated, file_id)
    assert find_file(simulated, file_id) is None


@pytest.mark.parametrize("batch_id", ["batch_unknown", "", "..", "../files", "a/cancel", "batch_1?x=1", "批次"])
def test_an_id_that_is_no_batch_is_refused_by_name(batch_id: str, simulated: OpenAI) -> None:
    with pytest.raises(Refused, match="There is no batch"):
        find_batch(simulated, batch_id)


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (Reply({}, 401), ProviderUnfit, "OPENAI_API_KEY"),
        (Reply({}, 403), ProviderUnfit, "OPENAI_API_KEY"),
        (Reply({}, 404), PressrunError, "HTTP 404"),
        (Reply({}, 500), PressrunError, "HTTP 500"),
        (Reply(b"<html>", content_type="text/html"), PressrunError, "not a JSON object"),
        (Reply("none"), PressrunError, "not a JSON object"),
        (Reply({"data": "none"}), PressrunError, "not a list"),
        (Reply({"error": {"message": "No connected db."}}), PressrunError, "No connected db"),
        (Reply({"error": {"message": "No connected db."}}, 400), PressrunError, "No connected db"),
        (Reply({"detail": "Pay first."}, 402), PressrunError, "HTTP 402 .*Pay first"),
        (None, PressrunError, "did not answer"),
    ],
)
def test_a_failing_provider_is_told_in_our_words(reply: Reply | None, error: type[PressrunError], text: str) -> None:
    with serving(lambda _asked: reply) as server, connect(server.base_url) as client:
        for look in (read_batches, read_files):
            with pytest.raises(error, match=text) as failure:
                look(client)
            assert isinstance(failure.value, Refused) == (error is ProviderUnfit)
