"""Asking for approval: Prefect's own suspension with a form, listing the runs that ask, and answering them.

Invariant: an answered question is not asked again, whatever happens to the run later, and it is answered once: if two
people answer at the same time, one of them gets the message that the run no longer asks.
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
"""The shortest approval timeout."""
GRACE = timedelta(days=7)
"""How much longer Prefect waits when a run is to be approved on timeout: Prefect fails a run after its own timeout, and
`collect-batches` may have been down at ours."""

Form = TypeVar("Form", bound=RunInput)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A suspended run that asks for approval."""

    run_id: UUID
    name: str
    question: Question
    approved_from: datetime | None
    """When it continues as if approved; None when it fails instead, which Prefect takes care of."""


def ask(form: type[Form], question: Question, timeout: timedelta) -> Form:
    """Suspend this run until a person has filled in the form; returns at once when there is an answer already."""
    attempt = flow_run.run_count or 1
    for earlier in range(1, attempt + 1):
        if given := read_flow_run_input(_form_keys(question, earlier)["response"]):
            return form.model_validate(given)
    what = f"{question.gate.capitalize()} {question.number}"
    say_once([f"{what} waits for approval. Choose Resume on this run's page, or run `pressrun approve {flow_run.id}`"])
    grace = GRACE if question.on_timeout is OnTimeout.APPROVE else timedelta(0)
    seconds = round((max(SHORTEST, timeout) + grace).total_seconds())
    return suspend_flow_run(wait_for_input=form, key=question_key(question, attempt), timeout=seconds)


def _form_keys(question: Question, attempt: int) -> Keyset:
    """Where Prefect stores the form of a suspension and its answer."""
    return keyset_from_base_key(f"{SUSPENDED.lower()}-{question_key(question, attempt)}")


def asking_runs(flow_name: str) -> list[Asking]:
    """The suspended runs of a flow that ask for approval."""
    return [asking for run in suspended_of(flow_name) if (asking := _asking(run))]


def _asking(run: FlowRun) -> Asking | None:
    question = read_question_key(pause_key(run))
    if not question or not run.state:
        return None
    until = run.state.state_details.pause_timeout
    approved_from = until - GRACE if until and question.on_timeout is OnTimeout.APPROVE else None
    return Asking(run_id=run.id, name=run.name, question=question, approved_from=approved_from)


def answer(run_id: UUID, decision: dict[str, str]) -> str | None:
    """Pass a decision to a run that asks; returns Prefect's reason for refusing it, or None when it was accepted."""
    with get_client(sync_client=True) as client:
        reply = client.resume_flow_run(run_id, run_input=decision)
    if reply.status == SetStateStatus.ACCEPT:
        return None
    return str(getattr(reply.details, "reason", None) or reply.status.value)


def latest_run(flow_name: str, run: str) -> FlowRun | None:
    """The latest run of a flow with this id or name."""
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
    """Whether a run failed because nobody answered in time: Prefect moves it from Suspended directly to Failed."""
    if not run.state or not run.state.is_failed():
        return False
    with get_client(sync_client=True) as client:
        states = sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
    return len(states) > 1 and read_question_key(states[-2].state_details.pause_key) is not None
