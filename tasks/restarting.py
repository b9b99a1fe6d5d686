"""Starting runs again that have no process any more, or never got one.

Invariant: only what has no process is started again, soon and seldom: what a worker gave up before it began, and what
has not been heard of for a long time while others were. A run that ended by its own fault is for a person to look at.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterEndTime
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.logging.loggers import flow_run_logger
from prefect.settings import get_current_settings
from prefect.states import Crashed, Scheduled

from tasks.runs import in_state, runs_of
from tasks.starting import start_by_and_by

__all__ = ["lately_crashed", "mark_silent", "start_again"]

GIVEN_UP = "Failed to submit flow run to infrastructure"
"""Begins what a worker says of a run that it could not make a process for (`prefect/workers/base.py`)."""
SILENT = "Its process is gone"
"""Begins what is said here of a run that nothing is heard of."""
HEARTBEAT = "prefect.flow-run.heartbeat"
MISSED = 4
"""Heartbeats that must be missing; Prefect's server may lose events when it is busy."""
AT_LEAST = timedelta(minutes=8)
"""In both halves of it the collector itself, every two minutes, is heard of, even when one of its turns is late."""
LATELY = timedelta(hours=1)
MOST = 5
"""Times that a run may crash so; then it is neither a busy server nor a worker that was ended."""


def lately_crashed(flow_names: Sequence[str], now: datetime) -> list[FlowRun]:
    """The runs of these flows that have crashed within the hour."""
    return runs_of(
        flow_names, FlowRunFilter(state=in_state(StateType.CRASHED), end_time=FlowRunFilterEndTime(after_=now - LATELY))
    )


def start_again(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """Schedule those of the runs that have crashed for want of a process; returns them, and says so in their logs.

    A few at a time; any worker may take them. What they have paid for is kept.
    """
    crashed = {run.id: run for run in runs if _has_no_process(run.state)}
    return [crashed[run_id] for run_id in start_by_and_by(list(crashed), lambda run_id: _start_again(crashed[run_id]))]


def _start_again(run: FlowRun) -> bool:
    """Schedule a run, unless it has crashed so too often, or somebody else has just started it again."""
    with get_client(sync_client=True) as client:
        states = sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
        if not _has_no_process(states[-1]) or sum(map(_has_no_process, states)) >= MOST:
            return False
        client.set_flow_run_state(run.id, Scheduled(message="Started again"), force=True)
        flow_run_logger(run).warning("Started again: %s", states[-1].message)
    return True


def mark_silent(flow_names: Sequence[str], now: datetime) -> list[FlowRun]:
    """Mark those deployed runs of these flows as crashed whose process was killed together with its worker.

    Prefect does not notice that. They were heard of once, and not for four heartbeats (12 minutes, if Prefect's
    settings are left alone). Nobody is taken for dead when the server has heard of nobody in one of the halves of that
    time: it was down or asleep, or loses events.
    """
    seconds = get_current_settings().flows.heartbeat_frequency
    running = runs_of(flow_names, FlowRunFilter(state=in_state(StateType.RUNNING)))
    deployed = [run for run in running if run.deployment_id]
    if not seconds or not deployed:
        return []
    silence = max(timedelta(seconds=MISSED * seconds), AT_LEAST)
    begin, middle = now - silence, now - silence / 2
    with get_client(sync_client=True) as client:
        if not (_heard(client, begin, middle) and _heard(client, middle, now)):
            return []
        silent = [run for run in deployed if _is_silent(run, begin, now, client)]
        for run in silent:
            message = f"{SILENT}: nothing was heard of it since {begin:%H:%M:%S} UTC or longer"
            client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    return silent


def _is_silent(run: FlowRun, begin: datetime, now: datetime, client: SyncPrefectClient) -> bool:
    """Whether a run was heard of, but not since `begin`; one that somebody else has just marked is not."""
    if run.state is None or run.state.timestamp >= begin or _heard(client, begin, now, run):
        return False
    state = client.read_flow_run(run.id).state
    return state is not None and state.id == run.state.id and _heard(client, run.state.timestamp, begin, run)


def _heard(client: SyncPrefectClient, since: datetime, until: datetime, run: FlowRun | None = None) -> bool:
    """Whether there was a heartbeat in this time, of this run or of any."""
    wanted = EventFilter(
        occurred=EventOccurredFilter(since=since, until=until),
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]) if run else None,
    )
    return bool(client.read_events(wanted, limit=1).events)


def _has_no_process(state: State | None) -> bool:
    return bool(state and state.is_crashed() and (state.message or "").startswith((GIVEN_UP, SILENT)))
