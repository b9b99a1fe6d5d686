"""What an error of the provider means, from the reply alone."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.routes.batch import may_help
from pressrun.routes.failures import may_pass, needs_payment, say_failure, say_reason, told_wait

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
        ({"retry_after_ms": "350"}, 0.35),
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
        ("Try again in 1 hour 2 minutes", 3_720),
        ("Please try again later.", None),
        ("Try again in a moment, not in 42s", None),
    ],
)
def test_a_wait_is_read_from_the_words(words: str, seconds: float | None) -> None:
    assert told_wait(an_error(saying(words)), NOW) == seconds
    assert told_wait(an_error({"detail": words}), NOW) == seconds


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
