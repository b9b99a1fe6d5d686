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
    assert failure.value.unheard and failure.value.paid and not failure.value.paid.usage_is_known
    assert len(server.asked) == 1
    assert most < 1.5 * LARGEST_REPLY


def test_a_damaged_reply_is_a_lost_answer_that_is_not_asked_for_again_at_once() -> None:
    content = gzip.compress(json.dumps(a_chat_reply("Hello")).encode())
    content = content[:12] + bytes(len(content) - 12)
    with (
        serving(lambda _asked: Reply(content, headers=GZIP)) as server,
        connect(server.base_url, retries=4) as client,
        pytest.raises(TemporaryFailure, match="cannot be read") as failure,
    ):
        ask(client, a_call(), run_id=None)
    assert (failure.value.unheard, failure.value.soon) == (True, False)
    assert failure.value.paid and not failure.value.paid.usage_is_known
    assert len(server.asked) == 1


@pytest.mark.parametrize("label", ["gzip", "deflate", "gzip, gzip", "br"])
def test_a_label_on_a_plain_body_is_not_believed(label: str) -> None:
    reply = Reply(a_chat_reply("Hello"), headers={"Content-Encoding": label})
    with serving(lambda _asked: reply) as server, connect(server.base_url) as client:
        assert ask(client, a_call(), run_id=None).body == a_chat_reply("Hello")


def test_members_of_gzip_that_follow_each_other_are_one_body() -> None:
    whole = json.dumps(a_chat_reply("Hello")).encode()
    content = gzip.compress(whole[:20]) + gzip.compress(whole[20:])
    with serving(lambda _asked: Reply(content, headers=GZIP)) as server, connect(server.base_url) as client:
        assert ask(client, a_call(), run_id=None).body == a_chat_reply("Hello")


def test_gzip_within_gzip_does_not_expand_without_an_end() -> None:
    content = gzip.compress(gzip.compress(b" " * (3 * LARGEST_REPLY)))
    reply = Reply(content, headers={"Content-Encoding": "gzip, gzip"})
    with (
        serving(lambda _asked: reply) as server,
        connect(server.base_url) as client,
        pytest.raises(TemporaryFailure, match="not a JSON object"),
    ):
        ask(client, a_call(), run_id=None)


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
