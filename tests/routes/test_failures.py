"""What an error of the provider means, from the reply alone."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.routes.batch import may_help
from pressrun.routes.failures import may_pass, needs_payment, say_failure, say_reason, told_wait, words_wait

NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
REQUEST = httpx2.Request("POST", "https://api.openai.com/v1/batches")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "code", "detail"]), inner),
    max_leaves=8,
)


def an_error(body: Any = None, status: int = 429, **headers: str) -> openai.APIStatusError:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(status, headers=fields, json=body, request=REQUEST)
    data = body.get("error", body) if isinstance(body, dict) else body
    return openai.APIStatusError("No.", response=response, body=data)


def saying(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "42s"}, 42),
        ({"retry_after": "1m30s"}, 90),
        ({"retry_after": "2026-11-25T07:00:30Z"}, 30),
        ({"retry_after": str(int(NOW.timestamp()) + 30)}, 30),
        ({"retry_after": "Wed, 25 Nov 2026 05:00:30 GMT", "date": "Wed, 25 Nov 2026 05:00:00 GMT"}, 30),
        ({"retry_after": "Wed, 25 Nov 2026 05:00:30 GMT"}, None),
        ({"retry_after": "-7"}, None),
        ({"retry_after": '"42"'}, 42),
        ({"retry_after": "42, 42"}, 42),
        ({"retry_after_ms": "350"}, 0.35),
        ({"anthropic_ratelimit_requests_reset": "2026-11-25T07:00:30Z"}, 30),
        (
            {
                "anthropic_ratelimit_requests_reset": "2026-11-25T07:00:30Z",
                "anthropic_ratelimit_requests_remaining": "0",
                "anthropic_ratelimit_tokens_reset": "2026-11-25T08:00:00Z",
                "anthropic_ratelimit_tokens_remaining": "9",
            },
            30,
        ),
        ({"x_ratelimit_reset_requests": "42s"}, 42),
        ({"x_ratelimit_reset_requests": "42s", "x_ratelimit_remaining_requests": "0"}, 42),
        ({"x_ratelimit_reset_requests": "42s", "x_ratelimit_remaining_requests": "3"}, None),
        ({"x_ratelimit_reset_tokens": "6ms"}, 0.006),
        ({"x_ratelimit_reset_tokens": "1h2m"}, 3_720),
        ({"x_ratelimit_reset_tokens": "5", "x_ratelimit_reset_requests": "1m"}, 60),
        ({"x_ratelimit_reset_tokens": "nan", "x_ratelimit_reset_requests": "soon"}, None),
        ({"retry_after": "3", "x_ratelimit_reset_requests": "42s"}, 3),
    ],
)
def test_a_wait_is_read_from_the_headers_in_all_their_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert told_wait(an_error(saying("Slow down."), **headers), NOW) == seconds


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Limit 5, Used 5, Requested 1. Please try again in 42s. Visit the website.", 42),
        ("Please try again in 1m2.5s.", 62.5),
        ("Please try again in 350ms.", 0.35),
        ("Please retry after 26 seconds.", 26),
        ("Please retry in 27.4s.", 27.4),
        ("You exceeded your current quota. Please retry in 36.123456789s.", 36.123456789),
        ("Try again in about 42 seconds.", 42),
        ("The limit resets in 42s.", 42),
        ("Quota. " * 200 + "Please retry in 36s.", 36),
        ("Try again in 1 hour 2 minutes", 3_720),
        ("Please try again later.", None),
        ("Try again in a moment, not in 42s", None),
    ],
)
def test_a_wait_is_read_from_the_words(words: str, seconds: float | None) -> None:
    assert told_wait(an_error(saying(words)), NOW) == seconds
    assert told_wait(an_error({"detail": words}), NOW) == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"code": 429, "details": [{"@type": "x"}, {"@type": "RetryInfo", "retryDelay": "36s"}]}}, 36),
        ([{"error": {"code": 429, "details": [{"retryDelay": "36.5s"}]}}], 36.5),
        ({"error": {"message": "Slow down.", "retry_after": 42}}, 42),
        ({"error": {"metadata": {"headers": {"X-RateLimit-Reset": str(int(NOW.timestamp() * 1000) + 42_000)}}}}, 42),
        ({"error": {"metadata": {"headers": {"X-RateLimit-Limit": "20"}}}}, None),
        ({"error": {"retry_after": None}}, None),
        ("Try again in 42s", 42),
        (None, None),
        (42, None),
    ],
)
def test_a_wait_is_read_from_the_members_of_an_error(body: Any, seconds: float | None) -> None:
    assert words_wait(body, NOW) == seconds
    if isinstance(body, dict | list):
        assert told_wait(an_error(body), NOW) == told_wait(an_error(body, status=503), NOW) == seconds
        assert told_wait(an_error(body, status=400), NOW) is None


def test_a_limit_that_may_not_be_used_up_does_not_outdo_the_words() -> None:
    words = saying("Please try again in 2s.")
    assert told_wait(an_error(words, x_ratelimit_reset_requests="24h"), NOW) == 2
    used_up = {"x_ratelimit_reset_requests": "24h", "x_ratelimit_remaining_requests": "0"}
    assert told_wait(an_error(words, **used_up), NOW) == 86_400


def test_a_failure_is_said_with_the_providers_words() -> None:
    assert say_failure(an_error({"detail": "Input file not found"}, 404)) == "HTTP 404: Input file not found"
    assert say_failure(an_error(None, 502)) == "HTTP 502"
    assert say_failure(openai.APITimeoutError(REQUEST)) == "APITimeoutError"


def test_only_a_limit_is_waited_for_by_its_reset() -> None:
    assert told_wait(an_error(status=500, x_ratelimit_reset_requests="42s"), NOW) is None


@pytest.mark.parametrize(
    ("body", "status", "is_final"),
    [
        (saying("Insufficient credits"), 402, True),
        (None, 402, True),
        ({"error": {"message": "x", "code": "insufficient_quota"}}, 429, True),
        ({"error": {"message": "x", "type": "insufficient_quota"}}, 429, True),
        ({"message": "Your credit balance is too low"}, 429, True),
        (saying("You exceeded your current quota. Please retry in 27s."), 429, False),
        (saying("Rate limit reached"), 429, False),
        (saying("Overloaded"), 529, False),
    ],
)
def test_what_only_a_payment_can_fix_is_told_apart_from_a_limit(body: Any, status: int, is_final: bool) -> None:
    error = an_error(body, status)
    assert needs_payment(error) is is_final
    assert may_pass(error) is not is_final
    assert may_help(error) is not is_final


@given(
    JSON, st.sampled_from([400, 402, 404, 429, 500]), st.text(st.characters(codec="ascii", exclude_categories=["C"]))
)
def test_any_error_has_a_meaning(body: Any, status: int, header: str) -> None:
    error = an_error(None, status, retry_after=header, x_ratelimit_reset_requests=header)
    error.body = body
    assert say_reason(error)
    may_pass(error)
    told = told_wait(error, NOW)
    assert told is None or told > 0
    words_wait(body)
