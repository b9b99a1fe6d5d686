"""Starting again what could not be started: a busy server, and a worker that gives a run up before it has a process.

Invariant: only a run that crashed before it began (or before it went on) is started again, soon and seldom; one that
crashed at its work is for a person to look at.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.logging.loggers import flow_run_logger
from prefect.states import Scheduled

from tasks.runs import runs_of

__all__ = ["lately_crashed", "start_unbegun_again"]

UNBEGUN = "Failed to submit flow run to infrastructure"
"""Begins what a worker says of a run that it could not make a process for (`prefect/workers/base.py`)."""
LATELY = timedelta(hours=1)
MOST = 5
"""Times that a run is given up by workers; after that it is not the server's being busy."""


def lately_crashed(flow_names: list[str], now: datetime) -> list[FlowRun]:
    """The runs of these flows that have crashed within the hour."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
    return runs_of(flow_names, FlowRunFilter(state=state, end_time=FlowRunFilterEndTime(after_=now - LATELY)))


def start_unbegun_again(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """Schedule those of the runs that a worker has given up before they began; returns them, and says so in their logs.

    They are due at once, and any worker may take them.
    """
    with get_client(sync_client=True) as client:
        again = [run for run in runs if _is_unbegun(run.state) and _may_be_again(run, client)]
        for run in again:
            client.set_flow_run_state(run.id, Scheduled(message="Started again: no process had been made"), force=True)
            flow_run_logger(run).warning("No process could be made for this run, as the server was busy: started again")
    return again


def _is_unbegun(state: State | None) -> bool:
    return bool(state and state.is_crashed() and (state.message or "").startswith(UNBEGUN))


def _may_be_again(run: FlowRun, client: SyncPrefectClient) -> bool:
    """Whether it has not been given up too often, and nobody else has just started it again."""
    states = sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
    return _is_unbegun(states[-1]) and sum(map(_is_unbegun, states)) < MOST
