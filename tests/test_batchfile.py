"""Result files, whatever is in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.batchfile import Harvest, read_line
from pressrun.calls import Answer, Call
from tests.calls_builder import NOW, a_call, a_chat_reply

CALLS = [a_call(), a_call("article-02"), a_call("article-03")]
IDS = [call.id for call in CALLS]


def a_harvest(*ids: str) -> Harvest:
    return Harvest(ids or IDS, batch_id="batch_1", run_id="run-1", at=NOW)


def a_line(call: Call, **changes: Any) -> str:
    response = {"status_code": 200, "request_id": "r", "body": a_chat_reply("Hello")}
    return json.dumps({"id": "x", "custom_id": call.id, "response": response, "error": None, **changes})


def read(harvest: Harvest, *lines: str | bytes) -> list[Answer]:
    """All answers: those of the lines, then those that are missing."""
    answers = [answer for line in lines if (answer := harvest.take(line))]
    return answers + list(harvest.rest("it was lost"))


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
    (answer,) = read(a_harvest(IDS[0]), a_line(CALLS[0], **changes))
    assert (answer.body, answer.code, answer.retryable) == (None, code, retryable)


def test_a_body_may_be_json_text_and_response_may_be_absent() -> None:
    call = CALLS[0]
    as_text = a_line(call, response={"status_code": 200, "body": json.dumps(a_chat_reply("Hi"))})
    parsed = read_line(as_text)
    assert parsed is not None
    assert parsed[1]["body"]["choices"][0]["message"]["content"] == "Hi"
    assert read_line(json.dumps({"custom_id": call.id, "error": {"message": "no"}})) is not None


@pytest.mark.parametrize(
    "response",
    [
        {"status_code": "200", "body": a_chat_reply("Hello")},
        {"body": a_chat_reply("Hello")},
        a_chat_reply("Hello"),
        json.dumps({"status_code": 200, "body": a_chat_reply("Hello")}),
        {"status_code": 201, "body": a_chat_reply("Hello")},
        {"status_code": 0, "body": a_chat_reply("Hello")},
    ],
    ids=["status as text", "no status", "the completion itself", "JSON text", "another success", "a status of 0"],
)
def test_an_answer_is_an_answer_however_its_status_is_written(response: Any) -> None:
    (answer,) = read(a_harvest(IDS[0]), a_line(CALLS[0], response=response))
    assert answer.body is not None
    assert answer.usage.input == 100


@pytest.mark.parametrize(
    ("response", "error", "said", "code", "retryable"),
    [
        ({"status_code": "500"}, None, "the provider gave no reason (status 500)", "500", True),
        ({"status_code": 400, "body": {"object": "error", "message": "max_tokens is too large", "code": 400}}, None,
         "max_tokens is too large", "400", False),
        (None, "upstream timed out", "upstream timed out", "unknown", True),
        ({"status_code": 422, "body": {"detail": [{"msg": "field required"}]}}, None, "field required", "422", False),
        ({"status_code": 500, "body": {"error": "model overloaded"}}, None, "model overloaded", "500", True),
        ({"status_code": 200, "body": {"error": {"message": "Insufficient credits", "code": 402}, "choices": None}},
         None, "Insufficient credits", "402", False),
        ({"status_code": 200, "body": {"object": "error", "message": "Overloaded", "code": 503}}, None, "Overloaded",
         "503", True),
        ({"status_code": 200, "body": {"error": {"message": "Busy", "code": 503}}}, None, "Busy", "503", True),
        ({"status_code": 200, "body": {"error": {"message": "No", "type": "invalid_request_error"}}}, None, "No",
         "invalid_request_error", False),
        ({"status_code": 200, "body": {"choices": [{"error": {"message": "Upstream died", "code": 502}}]}}, None,
         "Upstream died", "502", True),
        (None, "Insufficient credits", "Insufficient credits", "unknown", False),
    ],
)  # fmt: skip
def test_a_failure_has_the_providers_words(response: Any, error: Any, said: str, code: str, retryable: bool) -> None:
    (answer,) = read(a_harvest(IDS[0]), a_line(CALLS[0], response=response, error=error))
    assert (answer.error, answer.code, answer.retryable) == (said, code, retryable)


def test_a_failure_that_reports_usage_keeps_it() -> None:
    body = {"error": {"message": "No", "code": 400}, "usage": {"prompt_tokens": 900, "completion_tokens": 80}}
    (answer,) = read(a_harvest(IDS[0]), a_line(CALLS[0], response={"status_code": 200, "body": body}))
    assert (answer.error, answer.usage.input, answer.usage.output) == ("No", 900, 80)


def test_what_is_nested_too_deeply_to_be_stored_is_no_answer() -> None:
    deep = {"choices": [json.loads("[" * 300 + "]" * 300)]}
    (answer,) = read(a_harvest(IDS[0]), a_line(CALLS[0], response={"status_code": 200, "body": deep}))
    assert answer.body is None


def test_garbage_strangers_and_doubles_are_counted_and_change_nothing() -> None:
    harvest = a_harvest(*IDS[:2])
    first, second, stranger = CALLS
    answers = read(
        harvest, "{", "[]", '{"custom_id": 5}', a_line(stranger), a_line(first), a_line(first), "", a_line(second)
    )
    account = harvest.account()
    assert (account.garbage, account.unknown, account.duplicates, account.strays) == (3, 1, 1, 5)
    assert [answer.call_id for answer in answers if answer.body] == [first.id, second.id]


def test_the_first_of_two_lines_for_a_call_counts() -> None:
    failed = a_line(CALLS[0], response={"status_code": 500, "body": None})
    (answer,) = read(a_harvest(IDS[0]), a_line(CALLS[0]), failed)
    assert answer.body is not None


def test_the_tokens_of_all_lines_are_summed() -> None:
    harvest = a_harvest()
    read(harvest, *(a_line(call) for call in CALLS[:2]))
    account = harvest.account()
    assert (account.input_tokens, account.output_tokens) == (200, 100)


soup = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60),
    st.just("[" * 100_000),
    st.sampled_from(CALLS).map(a_line),
    st.sampled_from(CALLS).map(lambda call: a_line(call).encode()[:-20]),
    st.sampled_from([400, 429, 500]).flatmap(
        lambda status: st.sampled_from(CALLS).map(lambda call: a_line(call, response={"status_code": status}))
    ),
    st.sampled_from(CALLS).map(lambda call: a_line(call, response=None, error={"code": "batch_expired"})),
    st.just(a_line(a_call("stranger"))),
)


@given(lines=st.lists(soup, max_size=20))
def test_any_bytes_give_exactly_one_answer_a_call_and_books_that_balance(lines: list[str | bytes]) -> None:
    harvest = a_harvest()
    answers = read(harvest, *lines)
    assert sorted(answer.call_id for answer in answers) == sorted(IDS)
    account = harvest.account()
    assert account.submitted == account.answered + account.failed + account.unanswered == len(IDS)
    assert account.answered == sum(answer.body is not None for answer in answers)
    assert account.unanswered == sum(answer.retryable for answer in answers)
    missing = sum(answer.code == "missing" for answer in answers)
    assert sum(bool(line.strip()) for line in lines) == account.strays + len(answers) - missing


@given(lines=st.lists(st.binary(max_size=60), max_size=20))
def test_what_is_missing_from_the_files_may_be_asked_again(lines: list[bytes]) -> None:
    answers = read(a_harvest(), *lines)
    assert all(answer.retryable and answer.error == "it was lost" for answer in answers)
