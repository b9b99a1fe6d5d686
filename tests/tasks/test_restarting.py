"""Runs that got no process are started again, on a real Prefect server; all others are left alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed, Pending, Running, State

from tasks.restarting import MOST, lately_crashed, start_unbegun_again

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("prefect_api")]

FLOW = "crashing"
GIVEN_UP = "Failed to submit flow run to infrastructure: PrefectHTTPStatusError: Server error '503 Service Unavailable'"


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def a_run(client: SyncPrefectClient, *states: State) -> FlowRun:
    """A run that has been through these states."""
    deployment = client.create_deployment(flow_id=client.create_flow_from_name(FLOW), name="here")
    run = client.create_flow_run_from_deployment(deployment)
    for state in states:
        client.set_flow_run_state(run.id, state, force=True)
    return client.read_flow_run(run.id)


def test_a_run_that_got_no_process_is_scheduled_again_once(client: SyncPrefectClient) -> None:
    run = a_run(client, Pending(), Crashed(message=GIVEN_UP))
    assert run in lately_crashed([FLOW], datetime.now(UTC))
    assert start_unbegun_again([run]) == [run]
    now = client.read_flow_run(run.id)
    assert now.state
    assert now.state.is_scheduled()
    # As a second collector would, which has looked before.
    client.set_flow_run_state(run.id, Running(), force=True)
    assert start_unbegun_again([run]) == []


def test_a_run_that_crashed_at_its_work_is_left_to_a_person(client: SyncPrefectClient) -> None:
    run = a_run(client, Running(), Crashed(message="Flow run process exited with non-zero status code -9."))
    assert start_unbegun_again([run]) == []


def test_a_run_that_no_worker_can_start_is_given_up_at_last(client: SyncPrefectClient) -> None:
    run = a_run(client, *[Crashed(message=GIVEN_UP) for _ in range(MOST - 1)])
    assert start_unbegun_again([run]) == [run]
    client.set_flow_run_state(run.id, Crashed(message=GIVEN_UP), force=True)
    assert start_unbegun_again([client.read_flow_run(run.id)]) == []


def test_what_crashed_long_ago_is_not_looked_at(client: SyncPrefectClient) -> None:
    run = a_run(client, Crashed(message=GIVEN_UP))
    assert run.id not in {one.id for one in lately_crashed([FLOW], datetime.now(UTC) + timedelta(hours=2))}
