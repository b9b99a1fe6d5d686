"""The real-time route: against the simulator where it can, against a raw server for what goes wrong."""

import base64
import json
from typing import Any

import pytest
from openai import OpenAI

from pressrun.batchfile import request_line
from pressrun.calls import Answer, Endpoint, Route, StepName
from pressrun.errors import CallFailed
from pressrun.routes.realtime import TemporaryFailure, ask
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import connect
from tests.routes.raw_server import Reply, serving
from tests.routes.realtime_calls import a_refusal, ask_for


def test_a_chat_is_answered_with_what_it_used(client: OpenAI) -> None:
    call = a_call()
    call = call.model_copy(update={"body": {**call.body, "max_completion_tokens": 5_000}})
    answer = ask(client, call, run_id="run-1")
    assert (answer.call_id, answer.route, answer.run_id) == (call.id, Route.REALTIME, "run-1")
    assert (answer.error, answer.batch_id) == (None, None)
    assert answer.body is not None and answer.body["choices"][0]["message"]["content"]
    assert answer.usage.input > 0 and answer.usage.output > 0
    assert answer.answered_at is not None and answer.answered_at.tzinfo is not None


def test_an_image_is_answered_with_what_it_used(client: OpenAI) -> None:
    body = {"model": "gpt-image-2.5-flare", "prompt": "A loaf", "size": "1024x640", "quality": "low"}
    answer = ask(client, a_call(step=StepName.IMAGES, endpoint=Endpoint.IMAGES, body=body), run_id=None)
    assert answer.body is not None
    assert base64.b64decode(answer.body["data"][0]["b64_json"]).startswith(b"\x89PNG")
    assert answer.usage.input > 0
    assert answer.usage.output == answer.usage.output_image > 0


def test_a_request_that_the_provider_refuses_has_failed_for_good(client: OpenAI) -> None:
    call = a_call()
    wrong = call.model_copy(update={"body": {**call.body, "no_such_parameter": 1}})
    with pytest.raises(CallFailed, match="no_such_parameter") as failed:
        ask(client, wrong, run_id=None)
    assert failed.value.code == "unknown_parameter"


def test_a_wrong_key_has_failed_for_good(base_url: str) -> None:
    with connect(base_url, key="not-a-key") as client, pytest.raises(CallFailed) as failed:
        ask(client, a_call(), run_id=None)
    assert failed.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (a_refusal(400, code="content_policy_violation"), "content_policy_violation"),
        (a_refusal(403), "403"),
        (a_refusal(404, code="model_not_found"), "model_not_found"),
        (a_refusal(429, code="insufficient_quota"), "insufficient_quota"),
        (a_refusal(429, type="insufficient_quota"), "429"),
        (a_refusal(429, code="billing_not_active"), "billing_not_active"),
        (Reply({"error": "just text"}, status=400), "400"),
        (Reply({"detail": "FastAPI's way"}, status=422), "422"),
        (Reply(b"<html>Not here</html>", status=404, content_type="text/html"), "404"),
    ],
)
def test_what_asking_again_cannot_help_fails_with_its_code(reply: Reply, code: str) -> None:
    with pytest.raises(CallFailed, match="refused the request") as failed:
        ask_for(reply)
    assert failed.value.code == code


@pytest.mark.parametrize(
    "reply",
    [
        a_refusal(408),
        a_refusal(409),
        a_refusal(429, code="rate_limit_exceeded"),
        a_refusal(500, code="server_error"),
        Reply(b"<html>Bad gateway</html>", status=502, content_type="text/html"),
        a_refusal(503),
        Reply(b"<html>Welcome</html>", content_type="text/html"),
        Reply(b'{"choices": [', content_type="application/json"),
        Reply(b"[" * 100_000),
        Reply(b"\xff\xfe\xfa"),
        Reply(b""),
        Reply([1, 2]),
        Reply(a_chat_reply("cut"), missing=50),
        None,
    ],
    ids=["408", "409", "429", "500", "502", "503", "html", "half", "deep", "bytes", "empty", "list", "cut", "dropped"],
)
def test_what_asking_again_may_help_is_a_temporary_failure(reply: Reply | None) -> None:
    with pytest.raises(TemporaryFailure):
        ask_for(reply)


@pytest.mark.parametrize(
    ("error", "failure", "said"),
    [
        ({"message": "Insufficient credits", "code": 402}, CallFailed, "(402): Insufficient credits"),
        ({"message": "No such model", "type": "invalid_request_error"}, CallFailed, "No such model"),
        ({"message": "Rate limit", "code": 429}, TemporaryFailure, "(429): Rate limit"),
        ({"message": "Upstream is gone", "code": "503"}, TemporaryFailure, "(503): Upstream is gone"),
        ("model overloaded", TemporaryFailure, "model overloaded"),
    ],
)
def test_an_error_that_comes_with_a_status_of_success_is_an_error(
    error: Any, failure: type[Exception], said: str
) -> None:
    with pytest.raises(failure) as failed:
        ask_for(Reply({"error": error, "choices": None, "usage": None}))
    assert said in str(failed.value)
    assert failed.value.paid is None


@pytest.mark.parametrize(
    ("usage", "is_billed"),
    [
        ({"prompt_tokens": 0, "completion_tokens": "0", "prompt_tokens_details": {"cached_tokens": 0}}, False),
        ({"total_tokens": None, "completion_tokens_details": {}}, False),
        ({"prompt_tokens": 0, "prompt_tokens_details": {"cached_tokens": 3}}, True),
        ({"completion_tokens": "many"}, True),
    ],
)
def test_an_error_is_billed_when_it_reports_anything_but_zeros(usage: Any, is_billed: bool) -> None:
    with pytest.raises(CallFailed) as failed:
        ask_for(Reply({"error": {"message": "No such model", "code": 404}, "usage": usage}))
    assert (failed.value.paid is not None) is is_billed


def test_a_choice_that_is_an_error_is_asked_for_again_and_its_usage_is_known() -> None:
    choice = {"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "Upstream idle timeout"}}
    with pytest.raises(TemporaryFailure, match=r"\(502\): Upstream idle timeout") as failed:
        ask_for(Reply({"choices": [choice], "usage": {"prompt_tokens": 900, "completion_tokens": 4}}))
    assert failed.value.paid is not None
    assert (failed.value.paid.usage.input, failed.value.paid.usage.output) == (900, 4)
    assert failed.value.paid.usage_is_known


def test_nobody_listening_is_a_temporary_failure() -> None:
    with serving(lambda _asked: None) as server:
        address = server.base_url
    with connect(address) as client, pytest.raises(TemporaryFailure, match="APIConnectionError"):
        ask(client, a_call(), run_id=None)


def test_a_cut_emoji_can_be_stored() -> None:
    answer = ask_for(Reply(a_chat_reply("cut \ud83c")))
    assert answer.body is not None
    assert answer.body["choices"][0]["message"]["content"] == "cut \ufffd"
    assert Answer.model_validate_json(answer.model_dump_json()) == answer


def test_the_body_that_is_sent_is_byte_for_byte_that_of_a_batch_line() -> None:
    schema = {"type": "object", "properties": {"title": {}, "body": {}, "about": {}}, "required": ["title"]}
    call = a_call(
        body={
            "model": "gpt-6-luna",
            "messages": [{"role": "user", "content": '繁體中文 "quoted" \\ \u2028 \U0001f35e'}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
            "temperature": 0.5,
            "seed": None,
        }
    )
    with serving(lambda _asked: Reply(a_chat_reply("Hi"))) as server, connect(server.base_url) as client:
        ask(client, call, run_id=None)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", call.endpoint)
    assert json.loads(asked.body) == call.body
    assert request_line(call).removesuffix(b"}\n").endswith(b'"body":' + asked.body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"object": "error", "message": "max_tokens is too large", "code": 400}, "max_tokens is too large"),
        ({"error": "just text"}, "just text"),
        ({"detail": [{"msg": "field required"}]}, "field required"),
        (b"plain words", "plain words"),
        (b"<html>Not here</html>", "HTTP 400, without a reason"),
    ],
)
def test_the_providers_words_are_quoted_wherever_they_are(body: Any, words: str) -> None:
    with pytest.raises(CallFailed, match=f": {words}$"):
        ask_for(Reply(body, status=400))
