"""Many runs are started a few at a time, on a real Prefect server."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Running

from tasks import starting
from tasks.starting import AT_ONCE, start_by_and_by

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def unbegun(client: SyncPrefectClient, count: int) -> list[UUID]:
    """Runs that are scheduled, and that nobody begins."""
    deployment = client.create_deployment(flow_id=client.create_flow_from_name("many"), name="here")
    return [client.create_flow_run_from_deployment(deployment).id for _ in range(count)]


def test_the_next_are_started_when_those_before_have_begun(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, pauses = unbegun(client, AT_ONCE + 1), []

    def begin_meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        for run_id in runs[:AT_ONCE]:
            client.set_flow_run_state(run_id, Running(), force=True)

    monkeypatch.setattr(starting.time, "sleep", begin_meanwhile)
    started: list[int] = []

    def start(run_id: UUID) -> bool:
        started.append(len(pauses))
        return True

    assert start_by_and_by(runs, start) == runs
    assert started == [0] * AT_ONCE + [1]


def test_those_that_never_begin_hold_up_the_others_for_a_while_only(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "BEGIN_WITHIN", 0.0)
    runs = unbegun(client, AT_ONCE + 1)
    assert start_by_and_by(runs, lambda run_id: run_id != runs[0]) == runs[1:]
