"""What an error of the provider means: its words, whether a later try may help, and when.

Invariant: the provider's own words decide before its status does: what only a payment can fix is never tried again, and
nothing is tried again earlier than the provider asks.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai

from pressrun.durations import read_seconds
from pressrun.reasons import Reason, is_transient, is_unpaid, reason
from pressrun.routes.replies import provider_date
from pressrun.wire import amount, moment

__all__ = [
    "LONGEST_WAIT",
    "may_pass",
    "needs_payment",
    "reason_in",
    "reason_of",
    "say_failure",
    "say_reason",
    "told_wait",
    "words_wait",
]

LONGEST_WAIT = 600.0
"""The longest wait, in seconds, that a provider may ask for: a limit per minute is over by then, one per day is not."""
AGAIN = re.compile(
    r"(?:try again|retry|wait|resets?)(?: in| after| for)?(?: about| around| approximately)? "
    r"([0-9][0-9.]{0,14} ?[a-z]{1,12}(?: ?[0-9][0-9.]{0,14} ?[a-z]{1,12}){0,3})"
)
"""`Please try again in 1m2.5s`, `retry after 26 seconds`, `resets in about 42s`, in lower case."""
MEMBERS = frozenset({"retrydelay", "retryafter", "retryafterseconds", "xratelimitreset", "ratelimitreset"})
"""Members of an error that tell a wait, as letters: Google's `retryDelay`, the `headers` that OpenRouter passes on."""
LONGEST_MEMBER, LONGEST_WORDS = 80, 10_000
"""Characters that are read of a member, or header, and of words."""
DEEPEST, MOST_PARTS = 6, 20
"""Levels of an error that are searched for such members, and parts of each."""
EPOCH = (1e9, 1e20)
"""A number in this range is no pause: it is the Unix time, in seconds, ms, µs or ns, of its end."""


def reason_of(error: openai.APIStatusError) -> Reason:
    """The provider's words and code, wherever its reply has them."""
    return reason_in(error.response)


def reason_in(response: httpx2.Response) -> Reason:
    """The words and code of a reply that reports an error; a web page has none."""
    return reason(_told(response))


def _told(response: httpx2.Response) -> Any:
    """The JSON of a reply, or its plain text."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        said = response.text.strip()
    is_page = "html" in response.headers.get("content-type", "") or said.startswith("<")
    return "" if is_page or said.startswith(("{", "[")) else said


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
    codes = (str(error.code), str(error.type), said.code)
    return error.status_code == 402 or any(is_unpaid(code, said.message) for code in codes)


def may_pass(error: openai.APIStatusError) -> bool:
    """Whether the same request may succeed later; the provider's own header takes precedence over the status."""
    if needs_payment(error):
        return False
    told = error.response.headers.get("x-should-retry")
    if told in ("true", "false"):
        return bool(told == "true")
    return is_transient(error.status_code)


def told_wait(error: openai.APIStatusError, now: datetime) -> float | None:
    """Seconds that the provider asks to wait, in a header or in its words; None when it does not, or for no time.

    A date is compared with the reply's own date, so that only the provider's clock matters; without one, with `now`.
    The reset of a limit that may not be used up counts only when nothing else is told.
    """
    headers = error.response.headers
    now = provider_date(headers) or now
    asked = [(amount(headers.get("retry-after-ms")) or 0) / 1000, _seconds(headers.get("retry-after", ""), now)]
    is_limit = error.status_code == 429
    if is_limit or error.status_code >= 500:
        said = _told_within(_told(error.response), now)
        used_up = _resets(headers, now, known=True) if is_limit else ()
        asked.append(max([0.0, *used_up, said]))
    if is_limit:
        asked.append(max([0.0, *_resets(headers, now, known=False)]))
    return next((seconds for seconds in asked if seconds > 0), None)


def words_wait(told: Any, now: datetime | None = None) -> float | None:
    """Seconds that an error asks to wait, given as JSON or text; None when it does not. `now` is for dates."""
    seconds = _told_within(told, now or datetime.now(UTC))
    return seconds if seconds > 0 else None


def _told_within(told: Any, now: datetime) -> float:
    waits = (
        _seconds(value, now) if _letters(name) in MEMBERS else _seconds_in(value)
        for name, value in _members("", told, DEEPEST)
    )
    return max(waits, default=0.0)


def _members(name: str, told: Any, levels: int) -> Iterator[tuple[str, str]]:
    """The names and values, as text, of all that an error holds."""
    if isinstance(told, str | int | float):
        yield name, str(told)
    elif levels and isinstance(told, dict):
        for inner, value in list(told.items())[:MOST_PARTS]:
            yield from _members(str(inner), value, levels - 1)
    elif levels and isinstance(told, list):
        for part in told[:MOST_PARTS]:
            yield from _members(name, part, levels - 1)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _resets(headers: httpx2.Headers, now: datetime, *, known: bool) -> Iterator[float]:
    """When the limits begin anew that are used up: `known` by what remains, or not.

    platform.openai.com/docs/guides/rate-limits, "in headers"; Anthropic writes `anthropic-ratelimit-requests-reset`.
    """
    for name, value in headers.items():
        if "ratelimit" in name and "reset" in name:
            remaining = amount(headers.get(name.replace("reset", "remaining")))
            if not remaining and known == (remaining is not None):
                yield _seconds(value, now)


def _seconds(told: str, now: datetime) -> float:
    """A pause or its end, as a number, a duration or a date; 0 when it is none of them.

    Also in quotes, and the longest one where gateways have repeated a header.
    """
    told = told[:LONGEST_MEMBER].strip(" \"'")
    whole = _one(told, now)
    return whole or max(_one(part.strip(" \"'"), now) for part in told.split(","))


def _one(told: str, now: datetime) -> float:
    seconds = read_seconds(told)
    if seconds is not None and not EPOCH[0] <= seconds < EPOCH[1]:
        return seconds
    end = moment(told)
    return (end - now).total_seconds() if end else 0.0


def _seconds_in(words: str) -> float:
    said = AGAIN.search(words[:LONGEST_WORDS].lower())
    return (read_seconds(said[1]) if said else None) or 0.0
