import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun import batchfile
from pressrun.batchfile import Harvest, Shard, read_line, shards, write_jsonl
from pressrun.calls import Call, Endpoint
from tests.calls_builder import NOW, a_call, a_chat_reply


def a_shard(*calls: Call) -> Shard:
    return Shard(endpoint=Endpoint.CHAT, model="gpt-6-luna", calls=list(calls) or [a_call(), a_call("article-02")])


def a_harvest(shard: Shard) -> Harvest:
    return Harvest(shard=shard, batch_id="batch_1", run_id="run-1", at=NOW)


def a_line(call: Call, **changes: Any) -> str:
    response = {"status_code": 200, "request_id": "r", "body": a_chat_reply("Hello")}
    return json.dumps({"id": "x", "custom_id": call.id, "response": response, "error": None, **changes})


def test_every_line_of_an_input_file_is_a_request_as_the_provider_wants_it(tmp_path: Any) -> None:
    shard = a_shard()
    write_jsonl(shard, tmp_path / "in.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "in.jsonl").read_text().splitlines()]
    assert lines == [
        {"custom_id": call.id, "method": "POST", "url": "/v1/chat/completions", "body": call.body}
        for call in shard.calls
    ]


def test_models_and_endpoints_go_into_files_of_their_own() -> None:
    image = a_call("image-01", endpoint=Endpoint.IMAGES, body={"model": "gpt-image-2", "prompt": "x"})
    parts = shards([a_call("a"), image, a_call("b", model="gpt-6-sol"), a_call("c")])
    assert [(part.model, [call.item for call in part.calls]) for part in parts] == [
        ("gpt-6-luna", ["a", "c"]),
        ("gpt-image-2", ["image-01"]),
        ("gpt-6-sol", ["b"]),
    ]


@given(
    lengths=st.lists(st.integers(0, 400), max_size=30),
    most=st.integers(1, 7),
    size=st.integers(300, 2_000),
)
def test_every_call_is_in_exactly_one_shard_and_the_limits_are_kept(lengths: list[int], most: int, size: int) -> None:
    calls = [a_call(f"article-{number:02d}", prompt="x" * length) for number, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batchfile, "MAX_REQUESTS", most)
        patch.setattr(batchfile, "MAX_BYTES", size)
        parts = shards(calls)
    assert [call.id for part in parts for call in part.calls] == [call.id for call in calls]
    for part in parts:
        assert len(part.calls) <= most
        # A single request above the limit cannot be split; the provider will say so.
        assert len(part.calls) == 1 or sum(len(batchfile.request_line(call)) for call in part.calls) <= size


@given(order=st.permutations(range(5)))
def test_a_shards_key_does_not_depend_on_the_order_of_its_calls(order: list[int]) -> None:
    calls = [a_call(f"article-{number}") for number in range(5)]
    assert a_shard(*calls).key == a_shard(*(calls[place] for place in order)).key


def test_a_shards_key_changes_with_any_call() -> None:
    assert a_shard(a_call("a"), a_call("b")).key != a_shard(a_call("a"), a_call("b", prompt="Other.")).key


@pytest.mark.parametrize(
    ("changes", "code", "retryable"),
    [
        ({"response": {"status_code": 400, "body": {"error": {"message": "bad", "code": "unknown_parameter"}}}},
         "unknown_parameter", False),
        ({"response": {"status_code": 429, "body": {"error": {"message": "slow", "code": "rate_limit_exceeded"}}}},
         "rate_limit_exceeded", True),
        ({"response": {"status_code": 429, "body": {"error": {"message": "no money", "code": "insufficient_quota"}}}},
         "insufficient_quota", False),
        ({"response": {"status_code": 500, "body": None}}, "500", True),
        ({"response": None, "error": {"code": "batch_expired", "message": "too late"}}, "batch_expired", True),
        ({"response": {"status_code": 200, "body": "not json"}}, "200", True),
    ],
)  # fmt: skip
def test_a_line_that_is_no_answer_says_why_and_whether_to_ask_again(changes: Any, code: str, retryable: bool) -> None:
    shard = a_shard(a_call())
    harvest = a_harvest(shard)
    harvest.add(a_line(shard.calls[0], **changes))
    (answer,) = harvest.close("unused")
    assert (answer.body, answer.code, answer.retryable) == (None, code, retryable)


def test_a_body_may_be_json_text_and_response_may_be_absent() -> None:
    call = a_call()
    as_text = a_line(call, response={"status_code": 200, "body": json.dumps(a_chat_reply("Hi"))})
    parsed = read_line(as_text)
    assert parsed is not None
    assert parsed[1]["body"]["choices"][0]["message"]["content"] == "Hi"
    assert read_line(json.dumps({"custom_id": call.id, "error": {"message": "no"}})) is not None


def test_garbage_strangers_and_doubles_are_counted_and_change_nothing() -> None:
    shard = a_shard()
    harvest = a_harvest(shard)
    first, second = shard.calls
    lines = [
        "{",
        "[]",
        '{"custom_id": 5}',
        a_line(a_call("stranger")),
        a_line(first),
        a_line(first),
        "",
        a_line(second),
    ]
    for line in lines:
        harvest.add(line)
    assert harvest.strays == 5
    assert all(answer.body for answer in harvest.close("unused"))


@given(lines=st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=60), st.just("[" * 100_000)), max_size=20))
def test_any_bytes_give_exactly_one_answer_a_call(lines: list[str | bytes]) -> None:
    shard = a_shard()
    harvest = a_harvest(shard)
    for line in lines:
        harvest.add(line)
    answers = harvest.close("it was lost")
    assert [answer.call_id for answer in answers] == [call.id for call in shard.calls]
    assert all(answer.retryable and answer.error == "it was lost" for answer in answers)
