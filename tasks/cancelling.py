"""Cancelling the batches of cancelled runs, and logging in each run what is kept.

Invariant: no state is stored: Prefect knows which runs were cancelled, and the provider knows their batches. So
repeated and concurrent checks have the same result.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from openai import OpenAI
from prefect.client.schemas.filters import (
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
from pressrun.waiting import WaitingFor
from tasks.runs import FLEET, ORDERS, in_state, runs_of
from tasks.waiting import suspended_runs

__all__ = ["batches_awaited", "cancel_batches_of", "lately_cancelled"]

SITE = "site:"
"""Prefix of the tag that says which site a run builds."""
UNDER_WAY = [StateType.RUNNING, StateType.PAUSED, StateType.PENDING, StateType.SCHEDULED]
UNBEGUN = ["Scheduled", "Late"]
"""Names of states in which a run waits for nothing yet. A resumed run is scheduled too, but as Resuming."""


def batches_awaited() -> dict[UUID, WaitingFor]:
    """What each suspended run that waits for batches waits for."""
    return {run_id: waiting for name in ORDERS for run_id, waiting in suspended_runs(name).items()}


def lately_cancelled() -> list[FlowRun]:
    """The runs that were cancelled so recently that a batch of theirs may still be in progress.

    Runs on the built-in simulator are left out, because it ends with its run.
    """
    ended = FlowRunFilterEndTime(after_=datetime.now(UTC) - OLDEST)
    runs = runs_of(ORDERS, FlowRunFilter(state=in_state(StateType.CANCELLED), end_time=ended))
    return [run for run in runs if not run.parameters.get("simulate")]


def cancel_batches_of(
    runs: Sequence[FlowRun], views: Collection[BatchView], awaited: Collection[str], client: OpenAI
) -> tuple[list[BatchView], list[BatchView]]:
    """Cancel the batches that these runs have in progress, and log to each run what is kept.

    Returns the cancelled batches, and those that keep running because a suspended run waits for them (`awaited`, by id)
    or another run builds their site.
    """
    theirs = [(run, view) for run in runs for view in _in_progress_of(run, views)]
    if not theirs:
        return [], []
    others = _sites_under_way(but_not=[run.id for run in runs])
    cancelled, shared = [], []
    for run, view in theirs:
        if is_shared(view, awaited=awaited, sites_under_way=others):
            shared.append(view)
            continue
        cancel(client, view.batch_id)
        cancelled.append(view)
        flow_run_logger(run).warning(say_cancelled(look(client, view.batch_id)))
    return cancelled, shared


def _in_progress_of(run: FlowRun, views: Collection[BatchView]) -> list[BatchView]:
    """A site that is part of a fleet submits and pays in the fleet's name."""
    fleet = _tagged(run, FLEET)
    site = _tagged(run, SITE) or ""
    return in_progress_of(fleet, views, site=site) if fleet else in_progress_of(str(run.id), views)


def _tagged(run: FlowRun, prefix: str) -> str | None:
    return next((tag.removeprefix(prefix) for tag in run.tags if tag.startswith(prefix)), None)


def _sites_under_way(*, but_not: list[UUID]) -> set[str]:
    """The sites that other runs are building."""
    state = FlowRunFilterState(
        type=FlowRunFilterStateType(any_=UNDER_WAY), name=FlowRunFilterStateName(not_any_=UNBEGUN)
    )
    others = runs_of(ORDERS, FlowRunFilter(state=state, id=FlowRunFilterId(not_any_=but_not)))
    return {site for run in others if (site := _tagged(run, SITE))}
