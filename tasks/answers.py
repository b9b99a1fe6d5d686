"""One real-time request as a Prefect task: retried while that may help, its answer persisted the moment it arrives."""

from threading import Lock
from typing import Any

from openai import OpenAI
from prefect import get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.runtime import flow_run
from prefect.tasks import exponential_backoff

from pressrun.calls import Answer, Call, Route
from pressrun.prices import Tier
from pressrun.progress import CallDone, Note, tell
from pressrun.routes.provider import Provider
from pressrun.routes.realtime import FlexUnavailable, TemporaryFailure, ask
from tasks.access import client_for
from tasks.keys import content_key

__all__ = ["answer_now"]


def _may_help(_task: Any, _run: TaskRun, state: State) -> bool:
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, TemporaryFailure) and failure.soon


def _answer_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """The call's id is part of the key: two items that happen to ask the same thing are two things ordered.

    The route is not: an answer that was paid for serves, whatever tier it was paid at.
    """
    call: Call = parameters["call"]
    return content_key("answer", parameters["provider"], f"{call.id} {call.key}")


@task(
    name="answer-in-real-time",
    task_run_name="{call.step}: {call.item} in real time",
    retries=2,
    retry_delay_seconds=exponential_backoff(5),
    retry_jitter_factor=0.3,
    retry_condition_fn=_may_help,
    persist_result=True,
    result_serializer="json",
    cache_key_fn=_answer_key,
)
def answer_now(call: Call, provider: Provider, route: Route = Route.REALTIME) -> Answer:
    """Ask one call in real time, at flex when that is its route; the same call at the same provider is asked once.

    A call that flex does not take is asked at the standard tier, and the run says so. Raises `CallFailed` when it will
    not be answered, `TemporaryFailure` when the retries are used up.
    """
    with client_for(provider) as client:
        answer = _ask_at_flex(client, call) if route is Route.FLEX else ask(client, call, run_id=flow_run.id or "")
    tell(CallDone(call=call, answer=answer, reused=False))
    return answer


def _ask_at_flex(client: OpenAI, call: Call) -> Answer:
    run_id = flow_run.id or ""
    try:
        answer = ask(client, call, run_id=run_id, tier=Tier.FLEX)
    except FlexUnavailable as unavailable:
        _say(call, f"{unavailable}, so the standard tier is asked, at its price")
        return ask(client, call, run_id=run_id)
    if answer.route is not Route.FLEX:
        _say(call, "the provider did not confirm that flex served it, so it counts at the standard price")
    return answer


_told: set[tuple[str, str]] = set()
_telling = Lock()


def _say(call: Call, text: str) -> None:
    """Each call's log line, and one note a run: eight threads meet the same shortage at once."""
    get_run_logger().warning("%s %s: %s", call.step, call.item, text)
    told = (flow_run.id or "", text)
    with _telling:
        if told in _told:
            return
        _told.add(told)
    tell(Note(text=f"{call.step} {call.item}: {text} (said once; the cost report has each call's tier)"))
