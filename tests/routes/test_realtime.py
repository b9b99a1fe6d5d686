"""The real-time route: against the simulator where it can, against a raw server for what goes wrong."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from pressrun.batchfile import request_line
from pressrun.calls import Answer, Call, Endpoint, Route, StepName
from pressrun.errors import CallFailed
from pressrun.prices import Tier
from pressrun.routes.realtime import FlexUnavailable, TemporaryFailure, ask, retry_delay, time_limit
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import connect
from tests.routes.raw_server import RawServer, Reply, serving


def a_refusal(status: int, **error: Any) -> Reply:
    return Reply({"error": {"message": "No.", "type": "t", "param": None, "code": None, **error}}, status=status)


def ask_for(reply: Reply | None, call: Call | None = None) -> Answer:
    """What `ask` makes of this reply."""
    with serving(lambda _asked: reply) as server, connect(server.base_url) as client:
        return ask(client, call or a_call(), run_id="run-1")


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


HELLO = Reply(a_chat_reply("Hello"))
FLEX_HELLO = Reply({**a_chat_reply("Hello"), "service_tier": "flex"})
NO_CAPACITY = a_refusal(429, code="resource_unavailable")


def with_header(reply: Reply, line: str) -> Reply:
    """The reply with one more header, `Name: value`."""
    return replace(reply, content_type=f"{reply.content_type}\r\n{line}")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a test would have waited."""
    waited: list[float] = []
    monkeypatch.setattr("pressrun.routes.realtime.sleep", waited.append)
    return waited


def a_story(
    *replies: Reply | None, retries: int = 4, tier: Any = Tier.STANDARD
) -> tuple[Answer | Exception, RawServer]:
    """How one call ends when the provider gives these replies in turn, and what it was asked."""
    left = list(replies)
    with serving(lambda _asked: left.pop(0)) as server, connect(server.base_url, retries=retries) as client:
        try:
            return ask(client, a_call(), run_id="run-1", tier=tier), server
        except (CallFailed, TemporaryFailure) as failure:
            return failure, server


def test_failures_that_pass_are_bridged_as_often_as_the_settings_say(waits: list[float]) -> None:
    answer, server = a_story(a_refusal(500), None, a_refusal(429, code="rate_limit_exceeded"), HELLO, retries=3)
    assert isinstance(answer, Answer) and answer.body == HELLO.body
    assert len(server.asked) == 4
    assert [told <= waited <= 1.25 * told for told, waited in zip([0.5, 1, 2], waits, strict=True)] == [True] * 3


def test_a_wait_that_an_error_with_a_status_of_success_asks_for_is_waited_out(waits: list[float]) -> None:
    busy = Reply({"error": {"message": "Rate limit reached. Please try again in 40s.", "code": 429}})
    answer, server = a_story(busy, busy, HELLO)
    assert isinstance(answer, Answer)
    assert len(server.asked) == 3
    assert all(40 <= wait <= 50 for wait in waits) and len(waits) == 2


def test_a_wait_without_an_end_is_left(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressrun.routes.realtime.LONGEST_WAITS", 10.0)
    busy = Reply({"error": {"message": "Rate limit reached. Please try again in 20ms.", "code": 429}})
    failure, server = a_story(*[busy] * 30)
    assert isinstance(failure, TemporaryFailure)
    assert len(server.asked) == 11


def test_after_the_settings_retries_it_is_a_temporary_failure(waits: list[float]) -> None:
    failure, server = a_story(a_refusal(500), a_refusal(503), HELLO, retries=1)
    assert isinstance(failure, TemporaryFailure) and failure.soon
    assert (len(server.asked), len(waits)) == (2, 1)


def test_a_spent_quota_costs_one_request(waits: list[float]) -> None:
    failure, server = a_story(a_refusal(429, code="insufficient_quota"), HELLO)
    assert isinstance(failure, CallFailed)
    assert (len(server.asked), waits) == (1, [])


def test_an_unreadable_reply_may_have_been_billed_and_is_not_asked_for_again_at_once(waits: list[float]) -> None:
    failure, server = a_story(Reply(b"<html>Welcome</html>", content_type="text/html"), HELLO)
    assert isinstance(failure, TemporaryFailure) and not failure.soon
    assert (len(server.asked), waits) == (1, [])


def test_a_retry_after_is_waited_out_and_never_cut_short(waits: list[float]) -> None:
    answer, _ = a_story(with_header(a_refusal(429), "Retry-After: 150"), HELLO)
    assert isinstance(answer, Answer)
    [waited] = waits
    assert 150 <= waited <= 187.5


def test_waits_that_the_provider_asks_for_do_not_use_up_the_few_attempts(waits: list[float]) -> None:
    told = a_refusal(429, message="Rate limit reached. Please try again in 42s.", code="rate_limit_exceeded")
    answer, server = a_story(*[told] * 7, HELLO, retries=1)
    assert isinstance(answer, Answer)
    assert len(server.asked) == 8
    assert all(42 <= waited <= 52.5 for waited in waits)


def test_a_provider_that_asks_to_wait_again_and_again_is_left_after_half_an_hour(waits: list[float]) -> None:
    failure, server = a_story(*[with_header(a_refusal(429), "Retry-After: 500")] * 9, retries=1)
    assert isinstance(failure, TemporaryFailure) and failure.soon
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"error": {"message": "Insufficient credits. Add more at the website.", "code": 402}}, status=402),
        Reply({"error": {"message": "Insufficient Balance"}}, status=402),
        Reply({"error": {"message": "Insufficient credits", "code": 429}}, status=429),
        with_header(a_refusal(429, code="insufficient_quota"), "Retry-After: 1"),
    ],
)
def test_what_only_a_payment_can_fix_is_asked_for_once_and_says_so(waits: list[float], reply: Reply) -> None:
    failure, server = a_story(reply, HELLO)
    assert isinstance(failure, CallFailed)
    assert (len(server.asked), waits) == (1, [])
    assert reply.body["error"]["message"] in str(failure)


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


def test_a_retry_after_of_hours_ends_the_call_for_this_run(waits: list[float]) -> None:
    failure, server = a_story(with_header(a_refusal(429, code="rate_limit_exceeded"), "Retry-After: 7200"), HELLO)
    assert isinstance(failure, TemporaryFailure) and not failure.soon
    assert str(failure) == "the provider asks to wait 2 hours (rate_limit_exceeded)"
    assert (len(server.asked), waits) == (1, [])


def test_what_the_provider_says_about_asking_again_wins_over_the_status(waits: list[float]) -> None:
    failure, _ = a_story(with_header(a_refusal(500), "x-should-retry: false"), HELLO)
    assert isinstance(failure, CallFailed)
    answer, _ = a_story(with_header(a_refusal(400), "x-should-retry: true"), HELLO)
    assert isinstance(answer, Answer)


def test_at_flex_the_request_names_the_tier_and_the_call_stays_the_same() -> None:
    answer, server = a_story(FLEX_HELLO, tier=Tier.FLEX)
    assert isinstance(answer, Answer)
    assert (answer.route, answer.call_id) == (Route.FLEX, a_call().id)
    assert json.loads(server.asked[0].body) == {**a_call().body, "service_tier": "flex"}


def test_an_answer_at_flex_that_the_simulator_confirms_is_served_by_flex(client: OpenAI) -> None:
    call = a_call()
    call = call.model_copy(update={"body": {**call.body, "max_completion_tokens": 5_000}})
    answer = ask(client, call, run_id=None, tier=Tier.FLEX)
    assert answer.route is Route.FLEX
    assert answer.body is not None and answer.body["service_tier"] == "flex"


@pytest.mark.parametrize("echoed", ["default", None, 1, "FLEX"])
def test_a_reply_that_does_not_confirm_flex_counts_as_real_time(echoed: object) -> None:
    answer, _ = a_story(Reply({**a_chat_reply("Hello"), "service_tier": echoed}), tier=Tier.FLEX)
    assert isinstance(answer, Answer) and answer.route is Route.REALTIME


def test_a_lack_of_capacity_is_believed_after_three_requests(waits: list[float]) -> None:
    failure, server = a_story(*[NO_CAPACITY] * 9, retries=8, tier=Tier.FLEX)
    assert isinstance(failure, FlexUnavailable)
    assert (len(server.asked), len(waits)) == (3, 2)


def test_capacity_that_comes_back_at_once_is_used(waits: list[float]) -> None:
    answer, server = a_story(NO_CAPACITY, FLEX_HELLO, tier=Tier.FLEX)
    assert isinstance(answer, Answer) and answer.route is Route.FLEX
    assert len(server.asked) == 2


def test_a_provider_that_does_not_know_flex_is_asked_once(waits: list[float]) -> None:
    failure, server = a_story(a_refusal(400, param="service_tier", code="invalid_value"), tier=Tier.FLEX)
    assert isinstance(failure, FlexUnavailable)
    assert (len(server.asked), waits) == (1, [])


def test_a_spent_quota_is_no_lack_of_capacity() -> None:
    failure, server = a_story(a_refusal(429, code="insufficient_quota"), tier=Tier.FLEX)
    assert isinstance(failure, CallFailed)
    assert len(server.asked) == 1


def test_flex_has_fifteen_minutes_to_answer_and_a_longer_limit_stays() -> None:
    with connect("http://127.0.0.1:9/v1") as client:
        clients = [client.with_options(timeout=seconds) for seconds in (20, 3600)]
        limits = [time_limit(each, tier) for each in clients for tier in TIERS]
    assert limits == [20, 900, 3600, 3600]


NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
TIERS = (Tier.STANDARD, Tier.FLEX)
REQUEST = httpx2.Request("POST", "https://api.openai.com/v1/chat/completions")


def a_status_error(status: int = 429, **headers: str) -> openai.APIStatusError:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return openai.APIStatusError("No.", response=httpx2.Response(status, headers=fields, request=REQUEST), body=None)


def test_the_pause_doubles_up_to_eight_seconds_when_the_provider_says_nothing() -> None:
    delays = [retry_delay(a_status_error(), earlier, NOW) for earlier in (0, 1, 2, 3, 4, 5, 10_000)]
    assert delays == [0.5, 1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after_ms": "1500", "retry_after": "7"}, 1.5),
        ({"retry_after_ms": "soon", "retry_after": "7"}, 7),
        ({"retry_after": "Wed, 25 Nov 2026 07:00:30 GMT", "date": "Wed, 25 Nov 2026 07:00:00 GMT"}, 30),
        ({"retry_after": "Wed, 25 Nov 2026 06:00:00 GMT", "date": "Wed, 25 Nov 2026 07:00:00 GMT"}, 0.5),
        ({"retry_after": "Wed, 25 Nov 2026 07:00:30 GMT"}, 30),
        ({"x_ratelimit_reset_requests": "1m30s"}, 90),
        ({"retry_after": "600"}, 600),
        ({"retry_after": "601"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "9" * 400}, None),
        *(({"retry_after": odd}, 0.5) for odd in ("0", "-3", "nan", "", "soon")),
    ],
)
def test_the_providers_own_pause_comes_first_when_it_makes_sense(headers: dict[str, str], delay: float | None) -> None:
    assert retry_delay(a_status_error(**headers), 0, NOW) == delay


def test_a_lost_connection_is_tried_again_and_a_timeout_is_not_for_it_may_have_been_billed() -> None:
    assert retry_delay(openai.APIConnectionError(request=REQUEST), 0, NOW) == 0.5
    assert retry_delay(openai.APITimeoutError(request=REQUEST), 0, NOW) is None
