"""Asking the collector to look at once: one run at a time waits to begin, and only where the collector is deployed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Running, Scheduled

from tasks.collector import COLLECTOR, STUCK, collect_soon

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def deployment(client: SyncPrefectClient) -> Iterator[UUID]:
    """The collector's deployment, without a worker."""
    flow, name = COLLECTOR.split("/")
    deployment = client.create_deployment(flow_id=client.create_flow_from_name(flow), name=name)
    yield deployment
    client.delete_deployment(deployment)


def begin(client: SyncPrefectClient, run: FlowRun) -> None:
    client.set_flow_run_state(run.id, Running(), force=True)


def waiting(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """Runs of the collector that have not begun."""
    unbegun = (StateType.SCHEDULED, StateType.PENDING)
    ours = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])))
    return [run for run in ours if run.state_type in unbegun]


def test_where_the_collector_is_not_deployed_nothing_is_started(client: SyncPrefectClient) -> None:
    scheduled = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])))
    before = {run.id for run in client.read_flow_runs(flow_run_filter=scheduled)}
    collect_soon("batch_nobody")
    assert {run.id for run in client.read_flow_runs(flow_run_filter=scheduled)} == before


def test_many_events_before_it_begins_start_one_run_and_one_after_that_another(
    client: SyncPrefectClient, deployment: UUID
) -> None:
    for number in range(5):
        collect_soon(f"batch_first_{number}")
    [first] = waiting(client, deployment)
    begin(client, first)
    collect_soon("batch_second")
    [second] = waiting(client, deployment)
    assert second.id != first.id


def test_an_event_that_is_told_again_starts_nothing(client: SyncPrefectClient, deployment: UUID) -> None:
    collect_soon("batch_told_twice")
    [run] = waiting(client, deployment)
    begin(client, run)
    collect_soon("batch_told_twice")
    assert waiting(client, deployment) == []


@pytest.mark.parametrize(
    ("due_in", "is_enough"),
    [(timedelta(seconds=1), True), (timedelta(minutes=1), False), (-STUCK - timedelta(minutes=1), False)],
    ids=["about to begin", "its next turn", "never begun"],
)
def test_a_run_of_the_schedule_will_do_when_it_is_about_to_begin(
    client: SyncPrefectClient, deployment: UUID, due_in: timedelta, is_enough: bool
) -> None:
    due = Scheduled(scheduled_time=datetime.now(UTC) + due_in)
    client.create_flow_run_from_deployment(deployment, state=due)
    collect_soon(f"batch_beside_{due_in.total_seconds()}")
    assert len(waiting(client, deployment)) == (1 if is_enough else 2)
