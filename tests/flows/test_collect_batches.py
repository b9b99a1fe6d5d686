"""The collector on a real Prefect server, where no run waits for a batch."""

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Crashed

from flows.collect_batches import collect_batches
from tasks.restarting import GIVEN_UP

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_a_run_that_a_worker_gave_up_is_started_again_and_told_of() -> None:
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(flow_id=client.create_flow_from_name("build-site"), name="here")
        run = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(run.id, Crashed(message=f"{GIVEN_UP}: 503"), force=True)
        state = collect_batches(return_state=True)
        again = client.read_flow_run(run.id).state
        client.delete_flow_run(run.id)
    assert state.message == "Restarted runs without a process: 1. No run waits for a batch."
    assert again
    assert again.is_scheduled()
