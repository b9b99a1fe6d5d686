"""What an error of the provider means: its words, whether a later try may help, and when.

Invariant: the provider's own words decide before its status does: what only a payment can fix is never tried again, and
nothing is tried again earlier than the provider asks.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import httpx2
import openai

from pressrun.batchfile import read_json
from pressrun.durations import read_seconds
from pressrun.reasons import PAYMENT, Reason, reason
from pressrun.routes.replies import provider_date
from pressrun.wire import amount, moment

__all__ = ["LONGEST_WAIT", "may_pass", "needs_payment", "reason_of", "say_failure", "say_reason", "told_wait"]

LONGEST_WAIT = 600.0
"""The longest wait, in seconds, that a provider may ask for: a limit per minute is over by then, one per day is not."""
UNPAID = re.compile(r"insufficient (?:credit|balance|fund)|payment required|out of credits|credit balance is too low")
"""Words for what only a payment can fix, of OpenRouter, DeepSeek, Together and Anthropic, in lower case."""
AGAIN = re.compile(
    r"(?:try again|retry|wait)(?: in| after| for)? "
    r"([0-9][0-9.]{0,9} ?[a-z]{1,12}(?: ?[0-9][0-9.]{0,9} ?[a-z]{1,12}){0,3})"
)
"""`Please try again in 1m2.5s`, `retry after 26 seconds`, in lower case."""
EPOCH = (1e9, 1e13)
"""A number in this range is no pause: it is the Unix time, in seconds or ms, of its end."""


def reason_of(error: openai.APIStatusError) -> Reason:
    """The provider's words and code, wherever its reply has them; a web page has none."""
    if body := read_json(error.response.content):
        return reason(body)
    return reason(error.body if isinstance(error.body, list) else _plain(error.response))


def _plain(response: httpx2.Response) -> str:
    said = response.text.strip()
    return "" if "html" in response.headers.get("content-type", "") or said.startswith(("<", "{", "[")) else said


def say_reason(error: openai.APIStatusError) -> str:
    """The provider's words, or the status when it gave none."""
    return reason_of(error).message or f"HTTP {error.status_code}, without a reason"


def say_failure(error: openai.OpenAIError) -> str:
    """What went wrong with a request, in a few words and the provider's own."""
    if not isinstance(error, openai.APIStatusError):
        return type(error).__name__
    words = (reason_of(error).message or "").rstrip(".")
    return f"HTTP {error.status_code}: {words}" if words else f"HTTP {error.status_code}"


def needs_payment(error: openai.APIStatusError) -> bool:
    """Whether only a payment can help."""
    said = reason_of(error)
    codes = {str(error.code), str(error.type), said.code}
    return error.status_code == 402 or bool(codes & PAYMENT or UNPAID.search((said.message or "").lower()))


def may_pass(error: openai.APIStatusError) -> bool:
    """Whether the same request may succeed later; the provider's own header takes precedence over the status."""
    if needs_payment(error):
        return False
    told = error.response.headers.get("x-should-retry")
    if told in ("true", "false"):
        return bool(told == "true")
    return error.status_code in (408, 409, 425, 429) or error.status_code >= 500


def told_wait(error: openai.APIStatusError, now: datetime) -> float | None:
    """Seconds that the provider asks to wait, in a header or in its words; None when it does not, or for no time.

    A date is compared with the reply's own date, so that only the provider's clock matters; without one, with `now`.
    """
    headers = error.response.headers
    now = provider_date(headers) or now
    asked = [(amount(headers.get("retry-after-ms")) or 0) / 1000, _seconds(headers.get("retry-after", ""), now)]
    if error.status_code == 429:
        asked.append(max([*_resets(headers, now), _seconds_in(reason_of(error).message or "")]))
    return next((seconds for seconds in asked if seconds > 0), None)


def _resets(headers: httpx2.Headers, now: datetime) -> Iterator[float]:
    """When the limits that are used up begin anew (platform.openai.com/docs/guides/rate-limits, "in headers")."""
    for name, value in headers.items():
        if "ratelimit-reset" in name and not amount(headers.get(name.replace("reset", "remaining"))):
            yield _seconds(value, now)


def _seconds(told: str, now: datetime) -> float:
    """A pause or its end, as a number, a duration or a date; 0 when it is none of them."""
    seconds = read_seconds(told)
    if seconds is not None and not EPOCH[0] <= seconds < EPOCH[1]:
        return seconds
    end = moment(told)
    return (end - now).total_seconds() if end else 0.0


def _seconds_in(words: str) -> float:
    said = AGAIN.search(words.lower())
    return (read_seconds(said[1]) if said else None) or 0.0
