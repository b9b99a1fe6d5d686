"""When a call in real time is repeated, and how long it waits before."""

from datetime import UTC, datetime

import httpx2
import openai
import pytest

from pressrun.calls import Answer
from pressrun.errors import CallFailed
from pressrun.routes.realtime import TemporaryFailure, retry_delay
from tests.routes.raw_server import Reply
from tests.routes.realtime_calls import HELLO, a_refusal, a_story, with_header

NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
REQUEST = httpx2.Request("POST", "https://api.openai.com/v1/chat/completions")


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
