"""Restarting runs that lost their process or never got one.

Invariant: only runs without a process are restarted, soon and a few times at most: runs that a worker could not start,
and runs that have sent no heartbeat for a long time while others have. A run that failed by itself needs a person.
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
"""Prefix of a worker's message for a run that it could not start a process for (`prefect/workers/base.py`)."""
SILENT = "Its process is gone"
"""Prefix of the message set here for a run without heartbeats."""
HEARTBEAT = "prefect.flow-run.heartbeat"
MISSED = 4
"""Heartbeats that must be missing, because a busy Prefect server may lose events."""
AT_LEAST = timedelta(minutes=8)
"""Long enough that each half has a heartbeat of the collector, which runs every two minutes, even if one is late."""
LATELY = timedelta(hours=1)
MOST = 5
"""How often a run may crash like this; after that, the cause is neither a busy server nor a stopped worker."""


def lately_crashed(flow_names: Sequence[str], now: datetime) -> list[FlowRun]:
    """The runs of these flows that crashed within the last hour."""
    return runs_of(
        flow_names, FlowRunFilter(state=in_state(StateType.CRASHED), end_time=FlowRunFilterEndTime(after_=now - LATELY))
    )


def start_again(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """Reschedule the runs that crashed because they had no process, and log it in each; returns those runs.

    A few at a time; any worker may pick them up. Everything they paid for is kept.
    """
    crashed = {run.id: run for run in runs if _has_no_process(run.state)}
    return [crashed[run_id] for run_id in start_by_and_by(list(crashed), lambda run_id: _start_again(crashed[run_id]))]


def _start_again(run: FlowRun) -> bool:
    """Schedule a run, unless it has crashed like this too often, or has just been restarted by another process."""
    with get_client(sync_client=True) as client:
        states = sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
        if not _has_no_process(states[-1]) or sum(map(_has_no_process, states)) >= MOST:
            return False
        client.set_flow_run_state(run.id, Scheduled(message="Restarted"), force=True)
        flow_run_logger(run).warning("Restarted: %s", states[-1].message)
    return True


def mark_silent(flow_names: Sequence[str], now: datetime) -> list[FlowRun]:
    """Mark deployed runs of these flows as crashed when their process was killed together with its worker.

    Prefect does not notice that. Such runs have sent heartbeats, but none for four intervals (12 minutes with Prefect's
    default settings). No run is marked when the server received no heartbeat at all in either half of that time: then
    it was down or asleep, or it loses events.
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
            message = f"{SILENT}: no heartbeat since {begin:%H:%M:%S} UTC or earlier"
            client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    return silent


def _is_silent(run: FlowRun, begin: datetime, now: datetime, client: SyncPrefectClient) -> bool:
    """Whether a run sent heartbeats, but none since `begin`; False if another process has just marked it."""
    if run.state is None or run.state.timestamp >= begin or _heard(client, begin, now, run):
        return False
    state = client.read_flow_run(run.id).state
    return state is not None and state.id == run.state.id and _heard(client, run.state.timestamp, begin, run)


def _heard(client: SyncPrefectClient, since: datetime, until: datetime, run: FlowRun | None = None) -> bool:
    """Whether there was a heartbeat in this time, from this run or from any."""
    wanted = EventFilter(
        occurred=EventOccurredFilter(since=since, until=until),
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]) if run else None,
    )
    return bool(client.read_events(wanted, limit=1).events)


def _has_no_process(state: State | None) -> bool:
    return bool(state and state.is_crashed() and (state.message or "").startswith((GIVEN_UP, SILENT)))
