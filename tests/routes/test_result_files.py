"""Result files against oddities that OpenAI, its imitators and networks have shown."""

import json
from typing import Any

import httpx2
import openai
import pytest

from pressrun.errors import PressrunError
from pressrun.routes.batch import (
    BatchView,
    Harvested,
    harvest,
    look,
)
from pressrun.sharding import Shard
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import a_shard, connect
from tests.routes.raw_batches import RawBatches, a_batch
from tests.routes.raw_server import Reply


def a_good_line(call_id: str, text: str = "Hello", *, body_as_text: bool = False) -> dict[str, Any]:
    body = a_chat_reply(text)
    return {
        "id": "batch_req_1",
        "custom_id": call_id,
        "response": {"status_code": 200, "body": json.dumps(body) if body_as_text else body},
        "error": None,
    }


def as_file(*lines: dict[str, Any] | bytes) -> Reply:
    """A result file with these lines, its characters not escaped."""
    content = b"".join(
        (line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()) + b"\n" for line in lines
    )
    return Reply(content, content_type="application/octet-stream")


def read(provider: RawBatches, shard: Shard, **batch: Any) -> tuple[BatchView, Harvested]:
    """Look at a batch with these fields, and harvest it."""
    provider.batches = [a_batch(1, **{"status": "completed", **batch})]
    with provider.serving() as server, connect(server.base_url) as client:
        view = look(client, "batch_1")
        return view, harvest(client, view, shard, run_id="run-1", pause=lambda _: None)


def texts(harvested: Harvested) -> list[str]:
    return [answer.body["choices"][0]["message"]["content"] for answer in harvested.answers if answer.body]


def test_empty_file_ids_mean_no_file() -> None:
    shard = a_shard(a_call())
    provider = RawBatches(contents={"file-out": as_file(a_good_line(shard.ids[0]))})
    view, harvested = read(provider, shard, output_file_id="file-out", error_file_id="")
    assert view.error_file_id is None
    assert texts(harvested) == ["Hello"]


def test_a_completed_batch_without_any_file_leaves_every_call_to_be_asked_again() -> None:
    shard = a_shard()
    _, harvested = read(RawBatches(), shard, output_file_id="", error_file_id=None)
    assert [answer.call_id for answer in harvested.answers] == list(shard.ids)
    assert all(answer.retryable and answer.code == "missing" for answer in harvested.answers)


def test_a_failed_batch_with_an_error_file_is_read_line_by_line() -> None:
    shard = a_shard(a_call())
    line = {"custom_id": shard.ids[0], "error": {"code": "mock_failure", "message": "It failed."}}
    _, harvested = read(
        RawBatches(contents={"file-err": as_file(line)}), shard, status="failed", error_file_id="file-err"
    )
    assert [(answer.code, answer.error) for answer in harvested.answers] == [("mock_failure", "It failed.")]


def test_a_body_may_come_as_json_text() -> None:
    shard = a_shard(a_call())
    line = a_good_line(shard.ids[0], "As text", body_as_text=True)
    _, harvested = read(RawBatches(contents={"file-out": as_file(line)}), shard, output_file_id="file-out")
    assert texts(harvested) == ["As text"]


def test_only_a_line_feed_ends_a_line() -> None:
    """JSON allows these unescaped within a string; Python's own idea of lines would cut an answer in two."""
    shard = a_shard()
    text = "one\u2028two\u2029three\x85four"
    lines = [a_good_line(call_id, text) for call_id in shard.ids]
    _, harvested = read(RawBatches(contents={"file-out": as_file(*lines)}), shard, output_file_id="file-out")
    assert harvested.account.strays == 0
    assert texts(harvested) == [text, text]


def test_lines_longer_than_the_pieces_they_come_in_are_put_together() -> None:
    shard = a_shard()
    lines = [a_good_line(call_id, "圖" * 200_000) for call_id in shard.ids]
    content = as_file(*lines).content.removesuffix(b"\n").replace(b"\n", b"\r\n\n")
    provider = RawBatches(contents={"file-out": Reply(content, content_type="text/plain; charset=iso-8859-1")})
    _, harvested = read(provider, shard, output_file_id="file-out")
    assert harvested.account.strays == 0
    assert texts(harvested) == ["圖" * 200_000] * 2


def test_a_cut_emoji_can_be_stored() -> None:
    shard = a_shard(a_call())
    line = json.dumps(a_good_line(shard.ids[0], "\U0001f35e and \ud83c")).encode()
    _, harvested = read(RawBatches(contents={"file-out": as_file(line)}), shard, output_file_id="file-out")
    assert texts(harvested) == ["\U0001f35e and \ufffd"]
    assert Harvested.model_validate_json(harvested.model_dump_json()) == harvested


def test_strangers_doubles_and_garbage_are_counted() -> None:
    shard = a_shard()
    first, second = (a_good_line(call_id) for call_id in shard.ids)
    lines = as_file(first, b"<html>", first, a_good_line("stranger"), b"", second, b'{"custom_id": "cut')
    _, harvested = read(RawBatches(contents={"file-out": lines}), shard, output_file_id="file-out")
    assert (texts(harvested), harvested.account.strays) == (["Hello", "Hello"], 4)


def test_a_result_file_that_is_gone_is_said_and_not_taken_for_empty() -> None:
    with pytest.raises(PressrunError, match=r"result file of batch batch_1 .*HTTP 404"):
        read(RawBatches(), a_shard(), output_file_id="file-gone")


def test_a_download_that_breaks_off_is_not_taken_for_the_whole_file() -> None:
    shard = a_shard()
    content = as_file(a_good_line(shard.ids[0])).content
    provider = RawBatches(contents={"file-out": Reply(content, content_type="application/octet-stream", missing=100)})
    with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
        read(provider, shard, output_file_id="file-out")
