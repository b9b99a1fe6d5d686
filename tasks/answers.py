"""One real-time request as a Prefect task: retried while that may help, its answer persisted when it arrives."""

from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from openai import OpenAI
from prefect import get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import exponential_backoff

from pressrun.calls import NOT_SENT, Answer, Call, Endpoint, Route
from pressrun.costs.books import Books
from pressrun.costs.ledger import CallEstimate
from pressrun.costs.ledgerfile import OverCap
from pressrun.costs.money import usd
from pressrun.errors import CallFailed, LedgerFailed
from pressrun.prices import Tier
from pressrun.progress import CallDone, Note, tell
from pressrun.routes.provider import Provider
from pressrun.routes.realtime import FlexUnavailable, TemporaryFailure, ask
from tasks.access import client_for
from tasks.alerts import alert_of_budget
from tasks.keys import answer_key
from tasks.pace import IMAGES, keep_pace
from tasks.runs import paying_run

__all__ = ["OVER_CAP", "answer_now", "say_over"]

OVER_CAP = "over_cap"
"""Code of a call that was not sent because it could have exceeded the run's cap."""


def _may_help(_task: Any, _run: TaskRun, state: State) -> bool:
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, TemporaryFailure) and failure.soon


@task(
    name="answer-in-real-time",
    task_run_name="{call.step}: {call.item} in real time",
    retries=2,
    retry_delay_seconds=exponential_backoff(5),
    retry_jitter_factor=0.3,
    retry_condition_fn=_may_help,
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: answer_key(parameters["provider"], parameters["call"]),
)
def answer_now(call: Call, provider: Provider, route: Route, books: Books, estimate: CallEstimate) -> Answer:
    """Send one call in real time, at flex when that is its route; the same call to the same provider is sent once.

    A call that flex does not accept is sent at the standard tier, with a note. Raises `CallFailed` when it will not be
    answered (or could exceed the cap), `TemporaryFailure` when the retries are used up.
    """
    with client_for(provider) as client:
        request = Request(client=client, provider=provider, call=call, books=books, estimate=estimate)
        try:
            answer = _ask_at_flex(request) if route is Route.FLEX else _ask(request)
        except OverCap as over:
            raise CallFailed(say_over(over), code=OVER_CAP) from None
    tell(CallDone(call=call, answer=answer, reused=False))
    return answer


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call, where to send it, and where its cost is recorded."""

    client: OpenAI
    provider: Provider
    call: Call
    books: Books
    estimate: CallEstimate


def _ask(request: Request, tier: Literal[Tier.STANDARD, Tier.FLEX] = Tier.STANDARD) -> Answer:
    """Send the call, committing its highest possible cost; if the answer is lost, the commitment stays."""
    commitments = [_commit(request)]

    def before_repeat() -> None:
        request.books.lose(commitments[-1])
        commitments.append(_commit(request))

    try:
        answer = ask(request.client, request.call, run_id=paying_run(), tier=tier, before_repeat=before_repeat)
    except (TemporaryFailure, CallFailed) as failure:
        if failure.paid:
            _enter(request, failure.paid, commitments[-1])
        elif not (isinstance(failure, TemporaryFailure) and failure.unheard):
            request.books.settle(commitments[-1])
        raise
    else:
        _enter(request, answer, commitments[-1])
        return answer
    finally:
        # Whatever happened, nothing waits for it any longer.
        request.books.lose(commitments[-1])


def _enter(request: Request, answer: Answer, commitment: str) -> None:
    """Record an answer. A ledger that cannot be written to must not lose it: the flow records it again."""
    try:
        request.books.enter(request.call, answer, request.estimate, settles=commitment)
    except LedgerFailed as error:
        get_run_logger().warning("%s is answered but not yet in the ledger. %s", request.call.id, error)


def _commit(request: Request) -> str:
    """Commit to one request, after waiting for the rate limit."""
    if request.call.endpoint is Endpoint.IMAGES:
        keep_pace(IMAGES, request.provider)
    # The standard price at flex too: a reply may say that it was served, and is billed, at the standard tier.
    commitment = request.books.commit(request.call, Tier.STANDARD)
    alert_of_budget(request.books, request.call.site)
    return commitment


def _ask_at_flex(request: Request) -> Answer:
    try:
        answer = _ask(request, Tier.FLEX)
    except FlexUnavailable as unavailable:
        _say(request.call, f"{unavailable}; sending it at the standard tier and price instead")
        return _ask(request)
    if answer.route is not Route.FLEX:
        _say(request.call, "the provider did not confirm flex, so the call is billed at the standard price")
    return answer


def say_over(over: OverCap) -> str:
    """Why a call was not sent, as a message."""
    return (
        f"{NOT_SENT}it may cost up to {usd(over.wanted)}, and {usd(over.committed)} of the cap of {usd(over.cap)} is "
        "already spent or committed"
    )


_told: set[tuple[str, str]] = set()
_telling = Lock()


def _say(call: Call, text: str) -> None:
    """One log line per call, but one note per run, because eight threads meet the same shortage at once."""
    get_run_logger().warning("%s %s: %s", call.step, call.item, text)
    told = (flow_run.id or "", text)
    with _telling:
        if told in _told:
            return
        _told.add(told)
    tell(Note(text=f"{call.step} {call.item}: {text} (reported once; the cost report has each call's tier)"))
