"""Which run pays, and which runs exist: a fleet and the runs of its sites count as one.

Invariant: what a fleet has paid for is never reported as paid by an earlier run, whichever process and run used it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, wraps
from typing import TypeVar, TypeVarTuple, Unpack

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import TagsContext
from prefect.runtime import flow_run

__all__ = [
    "FLEET",
    "ORDERS",
    "PARTS",
    "YET_TO_BEGIN",
    "fleet_id",
    "in_state",
    "once_a_run",
    "paying_run",
    "runs_of",
    "untagged_tasks",
]

Ts = TypeVarTuple("Ts")
T = TypeVar("T")
YET_TO_BEGIN = (StateType.SCHEDULED, StateType.PENDING)
"""A run in one of these has no process yet."""
PAGE = 200
"""Maximum number of runs that Prefect returns at once."""
ORDERS = ["build-site", "build-fleet"]
"""The flows that people start to build sites: their runs submit batches, and may be suspended until these end."""
PARTS = "build-sites"
"""The flow whose runs build some of a fleet's sites, each on a worker."""
FLEET = "fleet:"
"""Prefix of the tag on the runs of a fleet's sites, followed by the fleet's flow run id."""


def fleet_id() -> str | None:
    """The flow run id of the fleet that this run belongs to, if any."""
    return next((tag.removeprefix(FLEET) for tag in flow_run.tags if tag.startswith(FLEET)), None)


def paying_run() -> str:
    """The flow run id under which everything that this run pays for is recorded."""
    return fleet_id() or flow_run.id or ""


def untagged_tasks() -> AbstractContextManager[object]:
    """Remove the run's tags from its tasks: before each task Prefect asks its server for a slot of every tag."""
    return TagsContext(current_tags=set())


def in_state(*kinds: StateType) -> FlowRunFilterState:
    """A filter for runs in a state of one of these types."""
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(kinds)))


def once_a_run(look: Callable[[Unpack[Ts]], T]) -> Callable[[Unpack[Ts]], T]:
    """Cache the results of `look` within a flow run; outside a run, nothing is cached."""

    @lru_cache(maxsize=16)
    def remembered(_run_id: str, *asked: *Ts) -> T:
        return look(*asked)

    @wraps(look)
    def answer(*asked: *Ts) -> T:
        run_id = flow_run.id
        return remembered(run_id, *asked) if run_id else look(*asked)

    return answer


def runs_of(flow_names: Sequence[str], wanted: FlowRunFilter) -> list[FlowRun]:
    """All runs of these flows that match the filter, in no particular order."""
    flows = FlowFilter(name=FlowFilterName(any_=list(flow_names)))
    runs: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while True:
            found = client.read_flow_runs(
                flow_filter=flows, flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=PAGE, offset=len(runs)
            )
            runs += found
            if len(found) < PAGE:
                return runs
