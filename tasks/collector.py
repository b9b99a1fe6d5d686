"""Starting the collector at once, instead of at its next scheduled run.

Invariant: at most one requested run waits to start, because it will check everything; and an event for one batch starts
one run, however often the event is delivered.
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
"""A run that its schedule starts within this time is soon enough."""
STUCK = timedelta(minutes=5)
"""A run that is this late may never start, as its worker may be gone, so it does not prevent another."""


def collect_soon(batch_id: str) -> None:
    """Start a run of the collector, because an event about a batch was received.

    Nothing is started when a run is about to start, or when the collector is not deployed. A run that has already
    started does not count, because it may have checked before the event.
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
