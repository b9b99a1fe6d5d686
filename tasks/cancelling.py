"""Cancelling the batches of cancelled runs, and saying in each run what of it is kept.

Invariant: nothing is remembered: which runs were cancelled is in Prefect, and which batches are theirs at the provider.
So whoever looks, twice or at the same moment, comes to the same end.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from openai import OpenAI
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.logging.loggers import flow_run_logger

from pressrun.cancelling import OLDEST, in_progress_of, is_shared, say_cancelled
from pressrun.routes.batch import BatchView, cancel, look

__all__ = ["cancel_batches_of", "lately_cancelled"]

PAGE = 200
SITE = "site:"
"""Begins the tag that says which site a run makes."""
UNDER_WAY = [StateType.RUNNING, StateType.PAUSED, StateType.PENDING, StateType.SCHEDULED]
UNBEGUN = ["Scheduled", "Late"]
"""Names of states in which a run waits for nothing yet. One that was woken is scheduled too, but as Resuming."""


def lately_cancelled(flow_name: str) -> list[FlowRun]:
    """The runs of a flow that were cancelled so lately that a batch of theirs may still be in progress.

    Runs on the built-in simulator are left out: it ends with its run.
    """
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLED]))
    ended = FlowRunFilterEndTime(after_=datetime.now(UTC) - OLDEST)
    runs = _runs(flow_name, FlowRunFilter(state=state, end_time=ended))
    return [run for run in runs if not run.parameters.get("simulate")]


def cancel_batches_of(
    runs: Sequence[FlowRun], flow_name: str, views: Iterable[BatchView], awaited: Collection[str], client: OpenAI
) -> tuple[list[BatchView], list[BatchView]]:
    """Cancel what these runs have in progress and log to each what of it is kept; returns what was cancelled, and what
    goes on because a suspended run waits for it (`awaited`, by id) or another run of the flow makes its site.
    """
    by_id = {str(run.id): run for run in runs}
    theirs = in_progress_of(by_id, views)
    if not theirs:
        return [], []
    others = _sites_under_way(flow_name, but_not=[run.id for run in runs])
    shared = [view for view in theirs if is_shared(view, awaited=awaited, sites_under_way=others)]
    own = [view for view in theirs if view not in shared]
    for view in own:
        cancel(client, view.batch_id)
        flow_run_logger(by_id[view.metadata["flow_run_id"]]).warning(say_cancelled(look(client, view.batch_id)))
    return own, shared


def _sites_under_way(flow_name: str, *, but_not: list[UUID]) -> set[str]:
    """The sites that other runs are making."""
    state = FlowRunFilterState(
        type=FlowRunFilterStateType(any_=UNDER_WAY), name=FlowRunFilterStateName(not_any_=UNBEGUN)
    )
    others = _runs(flow_name, FlowRunFilter(state=state, id=FlowRunFilterId(not_any_=but_not)))
    return {tag.removeprefix(SITE) for run in others for tag in run.tags if tag.startswith(SITE)}


def _runs(flow_name: str, wanted: FlowRunFilter) -> list[FlowRun]:
    flows = FlowFilter(name=FlowFilterName(any_=[flow_name]))
    runs: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while True:
            found = client.read_flow_runs(flow_filter=flows, flow_run_filter=wanted, limit=PAGE, offset=len(runs))
            runs += found
            if len(found) < PAGE:
                return runs
