"""A fleet waits for its parts, and starts those again that have no process, on a real Prefect server."""

from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Completed, Crashed

from tasks import fleet
from tasks.fleet import wait_for_parts
from tasks.restarting import GIVEN_UP
from tasks.runs import FLEET, PARTS

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_a_part_that_got_no_process_is_started_again_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet_id, seen = str(uuid4()), []
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(flow_id=client.create_flow_from_name(PARTS), name="here")
        part = client.create_flow_run_from_deployment(deployment, tags=[f"{FLEET}{fleet_id}"])
        client.set_flow_run_state(part.id, Crashed(message=f"{GIVEN_UP}: 503"), force=True)

        def a_worker_builds_it(_seconds: float) -> None:
            state = client.read_flow_run(part.id).state
            seen.append(state.name if state else "")
            client.set_flow_run_state(part.id, Completed(), force=True)

        monkeypatch.setattr(fleet.time, "sleep", a_worker_builds_it)
        wait_for_parts(fleet_id)
    assert seen == ["Scheduled"]
