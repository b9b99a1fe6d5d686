"""Asking a person: Prefect's own suspension with a form, who waits for an answer, and giving it.

Invariant: a question that was answered is not asked again, whatever has become of the run since, and it is answered
once: of two who answer at the same time one is told that the run no longer asks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterId, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, keyset_from_base_key
from prefect.input.actions import read_flow_run_input
from prefect.input.run_input import Keyset
from prefect.runtime import flow_run

from pressrun.gates import OnTimeout, Question, question_key, read_question_key
from tasks.logs import say_once
from tasks.waiting import SUSPENDED, pause_key, suspended_of

__all__ = ["Asking", "answer", "ask", "asking_runs", "latest_run", "was_unanswered"]

SHORTEST = timedelta(minutes=1)
"""Nobody can be asked for less."""
GRACE = timedelta(days=7)
"""How long Prefect goes on waiting after the time at which a run is to be approved: it fails what is over its own
time, and `collect-batches` may have been down when ours was."""

Form = TypeVar("Form", bound=RunInput)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A suspended run that asks a person."""

    run_id: UUID
    name: str
    question: Question
    approved_from: datetime | None
    """When it is to go on as if it had been approved; None when it is to fail instead, which Prefect sees to."""


def ask(form: type[Form], question: Question, timeout: timedelta) -> Form:
    """Suspend this run until a person has filled in the form; gives the answer at once when there is one."""
    attempt = flow_run.run_count or 1
    for earlier in range(1, attempt + 1):
        if given := read_flow_run_input(_form_keys(question, earlier)["response"]):
            return form.model_validate(given)
    what = f"{question.gate.capitalize()} {question.number}"
    say_once([f"{what} waits for a person: Resume in the menu of this run's page, or `pressrun approve {flow_run.id}`"])
    grace = GRACE if question.on_timeout is OnTimeout.APPROVE else timedelta(0)
    seconds = round((max(SHORTEST, timeout) + grace).total_seconds())
    return suspend_flow_run(wait_for_input=form, key=question_key(question, attempt), timeout=seconds)


def _form_keys(question: Question, attempt: int) -> Keyset:
    """Where Prefect keeps the form of a suspension and the answer to it."""
    return keyset_from_base_key(f"{SUSPENDED.lower()}-{question_key(question, attempt)}")


def asking_runs(flow_name: str) -> list[Asking]:
    """The suspended runs of a flow that ask a person."""
    return [asking for run in suspended_of(flow_name) if (asking := _asking(run))]


def _asking(run: FlowRun) -> Asking | None:
    question = read_question_key(pause_key(run))
    if not question or not run.state:
        return None
    until = run.state.state_details.pause_timeout
    approved_from = until - GRACE if until and question.on_timeout is OnTimeout.APPROVE else None
    return Asking(run_id=run.id, name=run.name, question=question, approved_from=approved_from)


def answer(run_id: UUID, decision: dict[str, str]) -> str | None:
    """Give a run that asks what was decided; returns why Prefect refused it, or None when it was taken."""
    with get_client(sync_client=True) as client:
        reply = client.resume_flow_run(run_id, run_input=decision)
    if reply.status == SetStateStatus.ACCEPT:
        return None
    return str(getattr(reply.details, "reason", None) or reply.status.value)


def latest_run(flow_name: str, run: str) -> FlowRun | None:
    """The latest run of a flow with this id or this name."""
    flows = FlowFilter(name=FlowFilterName(any_=[flow_name]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_filter=flows, flow_run_filter=_called(run), sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1
        )
    return found[0] if found else None


def _called(run: str) -> FlowRunFilter:
    try:
        return FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run)]))
    except ValueError:
        return FlowRunFilter(name=FlowRunFilterName(any_=[run]))


def was_unanswered(run: FlowRun) -> bool:
    """Whether a run has failed because nobody answered in time: Prefect takes it from its suspension to its end."""
    if not run.state or not run.state.is_failed():
        return False
    with get_client(sync_client=True) as client:
        states = sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
    return len(states) > 1 and read_question_key(states[-2].state_details.pause_key) is not None
