"""Runs without a process are started again, on a real Prefect server; all others are left alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Crashed, Pending, Running, State

from tasks.restarting import HEARTBEAT, MISSED, MOST, SILENT, lately_crashed, mark_silent, start_again
from tests.patience import until
from tests.prefect_events import find_events

pytestmark = pytest.mark.usefixtures("prefect_api")

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
    assert start_again([run]) == [run]
    now = client.read_flow_run(run.id)
    assert now.state
    assert now.state.is_scheduled()
    # As a second collector would, which has looked before.
    client.set_flow_run_state(run.id, Running(), force=True)
    assert start_again([run]) == []


def test_a_run_that_crashed_at_its_work_is_left_to_a_person(client: SyncPrefectClient) -> None:
    run = a_run(client, Running(), Crashed(message="Flow run process exited with non-zero status code -9."))
    assert start_again([run]) == []


def test_a_run_that_no_worker_can_start_is_given_up_at_last(client: SyncPrefectClient) -> None:
    run = a_run(client, *[Crashed(message=GIVEN_UP) for _ in range(MOST - 1)])
    assert start_again([run]) == [run]
    client.set_flow_run_state(run.id, Crashed(message=GIVEN_UP), force=True)
    assert start_again([client.read_flow_run(run.id)]) == []


def test_what_crashed_long_ago_is_not_looked_at(client: SyncPrefectClient) -> None:
    run = a_run(client, Crashed(message=GIVEN_UP))
    assert run.id not in {one.id for one in lately_crashed([FLOW], datetime.now(UTC) + timedelta(hours=2))}


HEARTBEATS = 180
"""Seconds between two, by Prefect's own default."""
SILENCE = timedelta(seconds=HEARTBEATS) * MISSED
BEFORE, EARLIER, LATELY = -1 / 24, 0.25, 0.75
"""Moments: just before the silence, and in each half of it."""
silences = count(1)
"""Those of a session's tests, hours apart: what one lets the server hear of is not heard of in another."""


@dataclass(frozen=True)
class Silence:
    """A time in which some are not heard of; `now`, when they are looked for, is its end."""

    begin: datetime

    def at(self, share: float) -> datetime:
        """A moment: 0 is its beginning, 1 its end."""
        return self.begin + SILENCE * share

    @property
    def now(self) -> datetime:
        return self.at(1)


@pytest.fixture
def silence() -> Iterator[Silence]:
    """One that begins after the test's runs, however long it takes to make them."""
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: HEARTBEATS}):
        yield Silence(datetime.now(UTC) + next(silences) * timedelta(hours=2))


def a_running_one(client: SyncPrefectClient, *heard: datetime) -> FlowRun:
    """A run that has just begun, and is heard of at these times."""
    run = a_run(client, Running())
    beat(run.id, *heard)
    return run


def beat(run_id: UUID, *times: datetime) -> None:
    """Heartbeats of a run, as its process tells them to the server; waits until they are there."""
    for at in times:
        emit_event(HEARTBEAT, resource={"prefect.resource.id": f"prefect.flow-run.{run_id}"}, occurred=at)
    wanted = {
        "event": {"name": [HEARTBEAT]},
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
        "occurred": {"until": (max(times, default=datetime.now(UTC)) + SILENCE).isoformat()},
    }
    until(lambda: find_events(wanted)["total"], lambda total: total >= len(times), 0.2)


def test_nobody_is_taken_for_dead_by_a_server_that_has_slept(client: SyncPrefectClient, silence: Silence) -> None:
    a_running_one(client, silence.at(BEFORE))
    beat(uuid4(), silence.at(LATELY))
    assert mark_silent([FLOW], silence.now) == []


def test_a_run_whose_process_was_killed_with_its_worker_is_found_and_started_again(
    client: SyncPrefectClient, silence: Silence
) -> None:
    run = a_running_one(client, silence.at(BEFORE))
    beat(uuid4(), silence.at(EARLIER), silence.at(LATELY))
    assert run.id in {one.id for one in mark_silent([FLOW], silence.now)}
    marked = client.read_flow_run(run.id)
    assert marked.state
    assert marked.state.is_crashed()
    assert (marked.state.message or "").startswith(SILENT)
    assert run.id not in {one.id for one in mark_silent([FLOW], silence.now)}
    assert start_again([marked]) == [marked]


@pytest.mark.parametrize(
    "heard", [(BEFORE, EARLIER), (BEFORE, LATELY), ()], ids=["heard of", "heard of lately", "never heard of"]
)
def test_a_run_that_is_heard_of_is_left_alone_and_one_that_never_was(
    client: SyncPrefectClient, silence: Silence, heard: tuple[float, ...]
) -> None:
    beat(uuid4(), silence.at(EARLIER), silence.at(LATELY))
    run = a_running_one(client, *map(silence.at, heard))
    assert run.id not in {one.id for one in mark_silent([FLOW], silence.now)}
