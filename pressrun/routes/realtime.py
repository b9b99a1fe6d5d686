"""The real-time route: one request, one reply, at the standard tier or at flex.

Invariant: the call's body is sent exactly as in a batch line, byte for byte; flex adds `service_tier` to the request
but not to the call. So a call can move between routes and tiers and remain the same call.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import uniform
from time import sleep
from typing import Any, Literal

import httpx2
import openai
from openai import OpenAI

from pressrun.calls import Answer, Call, Route
from pressrun.durations import say_duration
from pressrun.errors import CallFailed
from pressrun.prices import Tier
from pressrun.reasons import broken_off, is_error, is_retryable, reason
from pressrun.routes.failures import LONGEST_WAIT, may_pass, reason_of, say_reason, told_wait, words_wait
from pressrun.routes.limits import ReplyTooLarge
from pressrun.usage import read_usage
from pressrun.wire import amount, read_json

__all__ = ["FlexUnavailable", "TemporaryFailure", "ask", "retry_delay"]

log = logging.getLogger(__name__)

NO_CAPACITY = "resource_unavailable"
"""Code of the 429 for flex without capacity, which is not billed."""
FLEX_TRIES = 3
"""Attempts at flex before falling back to the standard tier: a gap of a second is bridged, but a shortage lasts, and
choosing flex does not mean waiting without limit."""
FLEX_TIMEOUT = 900.0
"""Minimum timeout of a flex request in seconds, as OpenAI's guide to flex processing recommends."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 8.0
"""Seconds before the second attempt and, doubling, at most before later ones, without a Retry-After."""
LONGEST_WAITS = 1_800.0
"""Seconds that one call waits in all because the provider asked it to; such waits are no attempts that failed."""
SHORTEST_ASKED = 1.0
"""Seconds of a wait that counts as one: a provider that asks for milliseconds without an end is failing."""
UNREADABLE = (ReplyTooLarge, httpx2.DecodingError)
"""Causes of an error after which the answer was there, and billed, so that it is not asked for again at once."""
SPREAD = 1.25
"""Retries of calls that were rejected together are spread over this factor, never earlier than requested."""


class TemporaryFailure(Exception):
    """The provider did not answer; a later retry may help. Never leaves the tasks.

    `soon` is false when the provider asks for a longer wait than this run accepts. `unheard`: the request may have been
    processed and billed, although its answer was lost.
    """

    paid: Answer | None = None
    """The reply that came in place of an answer, if it is billed all the same."""

    def __init__(self, message: str, *, soon: bool = True, unheard: bool = False) -> None:
        super().__init__(message)
        self.soon = soon
        self.unheard = unheard


class Unusable(Exception):
    """A reply came that is billed and is no answer. Never leaves this module."""

    def __init__(self, failure: CallFailed | TemporaryFailure, body: dict[str, Any]) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.body = body


class FlexUnavailable(TemporaryFailure):
    """Flex did not accept the call: it has no capacity, or this model or provider has no flex. Not billed."""


def ask(
    client: OpenAI,
    call: Call,
    *,
    run_id: str | None,
    tier: Literal[Tier.STANDARD, Tier.FLEX] = Tier.STANDARD,
    before_repeat: Callable[[], None] = lambda: None,
) -> Answer:
    """Send one call and wait for its reply, with as many retries as the client's `max_retries` allows.

    The answer's route is FLEX only if the reply says that flex served it: otherwise the discount is not confirmed, and
    the answer is priced as real time.

    `before_repeat` is called before a retry of a request whose answer was lost, because the lost one may have been
    processed and billed. An exception from it ends the call.

    Raises `CallFailed` when a retry cannot help (400-class, no quota), `FlexUnavailable` when the standard tier may
    still accept the call, `TemporaryFailure` when a later retry may help.
    """
    asked_at = datetime.now(UTC)

    def answer(reply: dict[str, Any], **content: Any) -> Answer:
        route = Route.FLEX if reply.get("service_tier") == Tier.FLEX else Route.REALTIME
        now = datetime.now(UTC)
        return Answer(call_id=call.id, route=route, run_id=run_id, asked_at=asked_at, answered_at=now, **content)

    try:
        body = _reply(client, call, tier, before_repeat)
    except Unusable as unusable:
        failure, reported = unusable.failure, read_usage(unusable.body)
        code = failure.code if isinstance(failure, CallFailed) else "unusable"
        usage = {"usage": reported.usage, "usage_is_known": reported.is_known}
        failure.paid = answer(unusable.body, error=str(failure), code=code, **usage)
        raise failure from None
    return answer(body, body=body)


def _reply(client: OpenAI, call: Call, tier: Tier, before_repeat: Callable[[], None]) -> dict[str, Any]:
    """The body of a reply, after the waits that a gateway asks for in errors with status 200."""
    waited = 0.0
    while True:
        body = _body(_send(client, call, tier, before_repeat))
        if not is_error(body):
            return body
        failure, asked = _failure_within(body), words_wait(body)
        if _has_used(body):
            raise Unusable(failure, body)
        if asked is None or not isinstance(failure, TemporaryFailure):
            raise failure
        wait = max(asked, SHORTEST_ASKED)
        waited += wait
        if waited > LONGEST_WAITS:
            raise failure
        log.info("%s: %s; retrying in %.1f s", call.id, failure, wait)
        sleep(wait * uniform(1, SPREAD))


def _send(client: OpenAI, call: Call, tier: Tier, before_repeat: Callable[[], None]) -> httpx2.Response:
    """The SDK's own retries stay off: they would retry every 429, including an exhausted quota."""
    body = {**call.body, "service_tier": Tier.FLEX.value} if tier is Tier.FLEX else call.body
    tries, waited = 0, 0.0
    while True:
        try:
            return client.post(
                call.endpoint.removeprefix("/v1"),
                body=body,
                cast_to=httpx2.Response,
                options={"max_retries": 0, "timeout": time_limit(client, tier)},
            )
        except openai.APIError as error:
            failure = _failure(error, tier)
            delay = retry_delay(error, tries, datetime.now(UTC))
            is_flex = isinstance(failure, FlexUnavailable)
            is_asked = delay is not None and delay >= SHORTEST_ASKED and _is_asked_for(error)
            if delay is not None and is_asked and waited + delay <= LONGEST_WAITS and not is_flex:
                waited += delay
            else:
                tries += 1
            allowed = min(client.max_retries + 1, FLEX_TRIES) if is_flex else client.max_retries + 1
            if isinstance(error.__cause__, UNREADABLE):
                raise Unusable(failure, {}) from None
            if delay is None or tries >= allowed:
                raise failure from None
        log.info("%s: %s; retrying in %.1f s", call.id, failure, delay)
        sleep(delay * uniform(1, SPREAD))
        if isinstance(failure, TemporaryFailure) and failure.unheard:
            before_repeat()


def time_limit(client: OpenAI, tier: Tier) -> float | httpx2.Timeout | None:
    """The timeout of one request: the client's, or longer for flex."""
    own = client.timeout
    return max(own, FLEX_TIMEOUT) if tier is Tier.FLEX and isinstance(own, int | float) else own


def retry_delay(error: openai.APIError, earlier: int, now: datetime) -> float | None:
    """Seconds to wait after an error that follows `earlier` ones; None when a retry is of no use now.

    What the provider asks for takes precedence over our own doubling. A request that timed out may have been processed
    and billed, so it is not repeated here.
    """
    if isinstance(error, openai.APITimeoutError) or isinstance(error.__cause__, UNREADABLE):
        return None
    if isinstance(error, openai.APIStatusError):
        if not may_pass(error):
            return None
        told = told_wait(error, now)
        if told is not None:
            return told if told <= LONGEST_WAIT else None
    return float(min(FIRST_DELAY * 2 ** min(earlier, 10), LONGEST_DELAY))


def _is_asked_for(error: openai.APIError) -> bool:
    """Whether the provider itself set the time of the next attempt."""
    return isinstance(error, openai.APIStatusError) and told_wait(error, datetime.now(UTC)) is not None


def _body(reply: httpx2.Response) -> dict[str, Any]:
    body = read_json(reply.content)
    if body is None:
        failure = TemporaryFailure("the provider's answer is not a JSON object", soon=False, unheard=True)
        raise Unusable(failure, {})
    return body


def _failure_within(body: dict[str, Any]) -> CallFailed | TemporaryFailure:
    """What an error means that a gateway sent with status 200. It may have been billed if it reports usage."""
    told = reason(broken_off(body) or body)
    code = told.code or "error"
    said = f"the provider answered with an error ({code}): {told.message or 'no reason given'}"
    if is_retryable(code, None, told.message):
        return TemporaryFailure(said, unheard=_has_used(body))
    return CallFailed(said, code=code)


def _has_used(body: dict[str, Any]) -> bool:
    """Whether an error reports usage other than zeros, so that it is billed."""
    return _is_above_zero(body.get("usage"))


def _is_above_zero(reported: Any) -> bool:
    """Whether there is anything but zeros in a figure, or in an object of figures; words count as something."""
    if isinstance(reported, dict):
        return any(map(_is_above_zero, reported.values()))
    return reported not in (None, "", "0") and amount(reported) != 0


def _failure(error: openai.APIError, tier: Tier) -> CallFailed | TemporaryFailure:
    if isinstance(error.__cause__, UNREADABLE):
        why = f"the provider's answer cannot be read ({error.__cause__})"
        return TemporaryFailure(why, soon=False, unheard=True)
    if not isinstance(error, openai.APIStatusError):
        never_sent = isinstance(error.__cause__, httpx2.ConnectError)
        return TemporaryFailure(f"no answer from the provider ({type(error).__name__})", unheard=not never_sent)
    code = str(error.code or error.status_code)
    if tier is Tier.FLEX and (code == NO_CAPACITY or error.param == "service_tier"):
        return FlexUnavailable(f"flex did not accept the request ({code})")
    if may_pass(error):
        told = told_wait(error, datetime.now(UTC))
        if told is not None and told > LONGEST_WAIT:
            wait = say_duration(timedelta(seconds=min(told, 365 * 86_400)))
            return TemporaryFailure(f"the provider asks to wait {wait} ({code})", soon=False)
        words = reason_of(error).message
        return TemporaryFailure(f"the provider is busy or failing ({code}){f': {words}' if words else ''}")
    return CallFailed(f"the provider refused the request ({code}): {say_reason(error)}", code=code)
