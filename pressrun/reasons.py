"""What a provider says went wrong, wherever its server puts the words.

Invariant: the only reading of a provider's error text, so whoever reports an error quotes the provider; the words come
out short, without control characters and without a key.
"""

import re
from typing import Any, NamedTuple

from pressrun.untrusted import clean_name, redacted, short
from pressrun.wire import count

__all__ = [
    "PAYMENT",
    "TRANSIENT",
    "Reason",
    "broken_off",
    "is_error",
    "is_reply",
    "is_retryable",
    "is_transient",
    "is_unpaid",
    "reason",
]

WORDS = (
    "error",
    "errors",
    "message",
    "error_message",
    "detail",
    "details",
    "msg",
    "error_description",
    "title",
    "reason",
)
"""Members that have the words: OpenAI's `error.message`, vLLM's flat `message`, FastAPI's `detail` and `msg`, OAuth's
`error_description`, RFC 9457's `title`. An error inside comes first, as a `message` beside it is often only "Bad
Request"."""
CODES = ("code", "type", "error_code", "status")
TRANSIENT = frozenset({408, 409, 425, 429})
"""Statuses below 500 that say nothing about the next attempt: a timeout, a conflict, too early, too many."""
PAYMENT = frozenset(
    {"insufficient_quota", "billing_not_active", "billing_hard_limit_reached", "insufficient_credits", "402"}
)
"""Codes and types of a failure that only a payment can fix, not a retry."""
UNPAID = re.compile(r"insufficient (?:credit|balance|fund)|payment required|out of credits|credit balance is too low")
"""Words for what only a payment can fix, of OpenRouter, DeepSeek, Together and Anthropic, in lower case."""
RETRYABLE = frozenset(
    {
        "batch_expired",
        "batch_cancelled",
        "server_error",
        "rate_limit_exceeded",
        "overloaded_error",
        "timeout",
        "unknown",
    }
)
FOR_GOOD = (
    "invalid",
    "policy",
    "moderation",
    "not_found",
    "unsupported",
    "context_length",
    "permission",
    "unknown_param",
)
"""Parts of codes of a request that will be refused however often it is sent."""
DEEPEST = 6
"""Levels of nesting that are searched."""
MOST_PARTS = 5
"""Entries of a list of errors that are quoted."""


class Reason(NamedTuple):
    """The provider's words and its code; None for what it did not give."""

    message: str | None
    code: str | None


def reason(told: Any) -> Reason:
    """Read an error from the JSON of a reply, a part of it, or plain text. Never fails."""
    words, code = _words(told, DEEPEST), _code(told, DEEPEST)
    return Reason(message=_said(words), code=_said(code))


def is_reply(body: dict[str, Any] | None) -> bool:
    """Whether it has content, whatever its status says."""
    return body is not None and any(isinstance(body.get(name), list) and body[name] for name in ("choices", "data"))


def is_error(body: dict[str, Any]) -> bool:
    """Whether it reports an error instead of an answer, which some gateways do with status 200."""
    return bool(broken_off(body)) or (not is_reply(body) and bool(body.get("error") or reason(body).message))


def broken_off(body: dict[str, Any] | None) -> Any:
    """The error in place of a choice (openrouter.ai/docs, "Errors and Debugging"); None if there is none."""
    choices = body.get("choices") if body else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first.get("error") if isinstance(first, dict) else None


def is_unpaid(code: str | None, words: str | None) -> bool:
    """Whether only a payment can help."""
    return code in PAYMENT or UNPAID.search((words or "").lower()) is not None


def is_transient(status: int) -> bool:
    """Whether a status says nothing about the next attempt at the same request."""
    return status in TRANSIENT or status >= 500


def is_retryable(code: str, status: int | None, words: str | None = None) -> bool:
    """Whether the same request may be answered later; None or 200 as status: it did not run, or the body has an error.

    A code that is a status, as gateways write it into a reply with status 200, is read as the status.
    """
    if is_unpaid(code, words) or status == 402:
        return False
    if status is None or status < 400:
        told = count(code)
        status = told if told and 400 <= told < 600 else None
    if status is not None:
        return is_transient(status) or code in RETRYABLE
    return code in RETRYABLE or not any(part in code for part in FOR_GOOD)


def _said(text: str | None) -> str | None:
    return short(redacted(clean_name(text))) or None if text else None


def _words(told: Any, levels: int) -> str | None:
    if isinstance(told, str):
        return told.strip() or None
    if not levels:
        return None
    if isinstance(told, list):
        parts = [said for part in told[:MOST_PARTS] if (said := _words(part, levels - 1))]
        return "; ".join(dict.fromkeys(parts)) or None
    if isinstance(told, dict):
        inner = [_words(told[name], levels - 1) for name in WORDS if name in told]
        return next(filter(None, inner), None)
    return None


def _code(told: Any, levels: int) -> str | None:
    if isinstance(told, list):
        return next(filter(None, (_code(part, levels - 1) for part in told[:MOST_PARTS])), None) if levels else None
    if not isinstance(told, dict) or not levels:
        return None
    inner = next(filter(None, (_code(told.get(name), levels - 1) for name in ("error", "errors", "detail"))), None)
    own = (told.get(name) for name in CODES)
    return inner or next((str(code) for code in own if _is_code(code)), None)


def _is_code(value: Any) -> bool:
    return (isinstance(value, str) and bool(value)) or (type(value) is int)
