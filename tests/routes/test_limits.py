"""Replies without an end, or with more in them than anybody asked for."""

import gzip
import json
import tracemalloc

import httpx2
import openai
import pytest

from pressrun.routes.limits import LARGEST_REPLY, ReplyTooLarge
from pressrun.routes.realtime import TemporaryFailure, ask
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import connect
from tests.routes.raw_server import Reply, serving

GZIP = {"Content-Encoding": "gzip"}


def test_a_compressed_reply_is_read() -> None:
    content = gzip.compress(json.dumps(a_chat_reply("Hello")).encode())
    with serving(lambda _asked: Reply(content, headers=GZIP)) as server, connect(server.base_url) as client:
        answer = ask(client, a_call(), run_id=None)
    assert answer.body == a_chat_reply("Hello")


def test_a_small_reply_that_expands_without_an_end_is_left_and_not_asked_for_again() -> None:
    bomb = gzip.compress(b"{" + b" " * (3 * LARGEST_REPLY))
    assert len(bomb) < 1_000_000
    with serving(lambda _asked: Reply(bomb, headers=GZIP)) as server, connect(server.base_url) as client:
        tracemalloc.start()
        with pytest.raises(TemporaryFailure, match="larger than 128 MB") as failure:
            ask(client, a_call(), run_id=None)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert failure.value.unheard
    assert len(server.asked) == 1
    assert most < 1.5 * LARGEST_REPLY


def test_a_reply_that_is_damaged_is_a_lost_answer() -> None:
    content = gzip.compress(b"{}" * 100)[:30] + b"nonsense"
    with serving(lambda _asked: Reply(content, headers=GZIP)) as server, connect(server.base_url) as client:
        once = client.with_options(max_retries=0)
        with pytest.raises(TemporaryFailure) as failure:
            ask(once, a_call(), run_id=None)
    assert failure.value.unheard


def test_the_timeout_counts_for_the_whole_reply() -> None:
    """Each byte comes in time; all of them would take twenty seconds."""
    reply = Reply(b" " * 400, drip=0.05)
    with serving(lambda _asked: reply) as server, connect(server.base_url) as client:
        hasty = client.with_options(timeout=0.5, max_retries=0)
        with pytest.raises(openai.APITimeoutError):
            hasty.get("/models", cast_to=httpx2.Response)


def test_a_file_may_be_larger_than_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressrun.routes.limits.LARGEST_REPLY", 1_000)
    content = gzip.compress(b"x" * 5_000)
    with serving(lambda _asked: Reply(content, headers=GZIP)) as server, connect(server.base_url) as client:
        with client.files.with_streaming_response.content("file-1") as response:
            assert b"".join(response.iter_bytes()) == b"x" * 5_000
        with pytest.raises(openai.APIConnectionError) as error:
            client.get("/models", cast_to=httpx2.Response)
    assert isinstance(error.value.__cause__, ReplyTooLarge)
