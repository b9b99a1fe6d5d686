"""Suspending a run while it waits, and resuming it: Prefect's own suspension, with our keys.

Invariant: a run is suspended only when it has nothing in flight in this process, because that would be done twice; and
it is resumed at most once per suspension.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateName as StateName
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import FlowPauseTimeout, NotPausedError
from prefect.flow_runs import resume_flow_run, suspend_flow_run
from prefect.runtime import deployment, flow_run

from pressrun.routes.provider import Provider
from pressrun.waiting import WaitingFor, read_waiting_key, waiting_key
from tasks.logs import say_once
from tasks.runs import paying_run, runs_of
from tasks.starting import start_by_and_by

__all__ = [
    "SUSPENDED",
    "attempt_began",
    "pause_key",
    "suspend",
    "suspended_names",
    "suspended_of",
    "suspended_runs",
    "wake",
    "was_suspended",
    "why_not_suspend",
]

GRACE = timedelta(hours=1)
"""How long after its deadline a run can still be resumed; after that, Prefect fails it, and a new run uses its batches.
"""
SUSPENDED = "Suspended"


def why_not_suspend(provider: Provider) -> str | None:
    """The reason why this run cannot be suspended, as a message; None when it can."""
    if flow_run.parent_flow_run_id:
        return "a run within another run cannot be suspended"
    if not deployment.id:
        return "only a run of a deployment can be suspended"
    if provider.built_in:
        return "the built-in simulator ends with this process"
    return None


def suspend(waiting: WaitingFor, number: int) -> None:
    """Suspend this run and end its process; does nothing when the run was just resumed from this very suspension."""
    seconds = (waiting.deadline + GRACE - datetime.now(UTC)).total_seconds()
    say_once([f"Suspended until {' or '.join(waiting.batch_ids)} has ended; collect-batches resumes the run"])
    suspend_flow_run(key=waiting_key(waiting, number), timeout=max(60, round(seconds)))


def was_suspended() -> bool:
    """Whether this process continues a suspended run; Prefect does not count that as another attempt."""
    if not deployment.id or not flow_run.id:
        return False
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(UUID(flow_run.id))
    return any(state.name == SUSPENDED for state in states)


def attempt_began() -> datetime:
    """When this attempt at the run (or at its fleet) began: at its start, or when the previous attempt ended."""
    run_id = UUID(paying_run())
    with get_client(sync_client=True) as client:
        ended = [state.timestamp for state in client.read_flow_run_states(run_id) if state.is_final()]
        started = client.read_flow_run(run_id).start_time
    return max(ended, default=started) or datetime.now(UTC)


def suspended_runs(flow_name: str) -> dict[UUID, WaitingFor]:
    """The suspended runs of a flow that wait for batches, and what they wait for."""
    read = {run.id: read_waiting_key(pause_key(run)) for run in suspended_of(flow_name)}
    return {run_id: waiting for run_id, waiting in read.items() if waiting}


def suspended_names(flow_name: str) -> set[str]:
    """The names of a flow's suspended runs, whatever they wait for."""
    return {run.name for run in suspended_of(flow_name)}


def pause_key(run: FlowRun) -> str | None:
    """The key under which a run is suspended."""
    return run.state.state_details.pause_key if run.state else None


def suspended_of(flow_name: str) -> list[FlowRun]:
    """The suspended runs of a flow, whatever they wait for."""
    return runs_of([flow_name], FlowRunFilter(state=FlowRunFilterState(name=StateName(any_=[SUSPENDED]))))


def wake(run_ids: Sequence[UUID]) -> list[UUID]:
    """Resume suspended runs, a few at a time; returns those that this call resumed."""
    return start_by_and_by(run_ids, _resume)


def _resume(run_id: UUID) -> bool:
    """Resume a suspended run; False when it is no longer suspended (another process was faster) or it is too late."""
    try:
        resume_flow_run(run_id)
    except (NotPausedError, FlowPauseTimeout):
        return False
    return True
