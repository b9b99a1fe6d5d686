"""One real-time request as a Prefect task: retried while that may help, its answer persisted the moment it arrives."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.runtime import flow_run
from prefect.tasks import exponential_backoff

from pressrun.calls import Answer, Call
from pressrun.progress import CallDone, tell
from pressrun.routes.provider import Provider
from pressrun.routes.realtime import TemporaryFailure, ask
from tasks.access import client_for
from tasks.keys import content_key

__all__ = ["answer_now"]


def _may_help(_task: Any, _run: TaskRun, state: State) -> bool:
    return isinstance(state.result(raise_on_failure=False), TemporaryFailure)


def _answer_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """The call's id is part of the key: two items that happen to ask the same thing are two things ordered."""
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
def answer_now(call: Call, provider: Provider) -> Answer:
    """Ask one call in real time; the same call at the same provider is never asked twice.

    Raises `CallFailed` when it will not be answered, `TemporaryFailure` when the retries are used up.
    """
    with client_for(provider) as client:
        answer = ask(client, call, run_id=flow_run.id or "")
    tell(CallDone(call=call, answer=answer, reused=False))
    return answer
