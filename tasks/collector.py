"""Having the collector look at once, instead of at its next turn.

Invariant: at most one run that was asked for waits to begin, for it will look at everything; and what happened to one
batch asks for one run, however often it is told.
"""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.exceptions import ObjectNotFound

from tasks.runs import YET_TO_BEGIN, in_state

__all__ = ["COLLECTOR", "collect_soon"]

COLLECTOR = "collect-batches/every-2-minutes"
SOON = timedelta(seconds=5)
"""A run that its schedule starts within this time will do."""
STUCK = timedelta(minutes=5)
"""One that should have begun so long ago may never begin: its worker may be gone. It keeps no other from starting."""


def collect_soon(batch_id: str) -> None:
    """Start a run of the collector, because something is said to have become of a batch.

    Nothing is started when a run is about to begin, nor where the collector is not deployed. A run that has begun may
    have looked already, so it does not count.
    """
    now = datetime.now(UTC)
    about_now = FlowRunFilterExpectedStartTime(after_=now - STUCK, before_=now + SOON)
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(COLLECTOR)
        except ObjectNotFound:
            return
        about_to_begin = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            flow_run_filter=FlowRunFilter(state=in_state(*YET_TO_BEGIN), expected_start_time=about_now),
            limit=1,
        )
        if not about_to_begin:
            client.create_flow_run_from_deployment(deployment.id, idempotency_key=f"webhook {batch_id}")
