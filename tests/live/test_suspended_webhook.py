"""An event of the provider wakes a suspended run at once: the collector looks, and believes nothing of what it says."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pressrun.webhooks import PATH
from tests.live.installation import ROOT, Installation, served_by_simulator, until
from tests.live.watching import account, batch_of, wait_for
from tests.patience import post
from tests.ports import new_port
from tests.test_webhooks import SECRET, an_event, await_port, signed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with served_by_simulator(tmp_path_factory.mktemp("webhook"), batch_seconds=40) as installation:
        yield installation


@pytest.fixture(scope="module")
def url(installation: Installation) -> Iterator[str]:
    port = new_port()
    command = [sys.executable, "-m", "pressrun", "webhooks", "--port", str(port)]
    receiver = subprocess.Popen(command, cwd=ROOT, env={**installation.env, "OPENAI_WEBHOOK_SECRET": SECRET})
    try:
        await_port(port)
        yield f"http://127.0.0.1:{port}{PATH}"
    finally:
        receiver.terminate()
        receiver.wait(20)


def tell(url: str, payload: bytes, **signing: Any) -> int:
    """Deliver an event; returns the status of the reply."""
    return post(url, content=payload, headers=signed(payload, **signing)).status_code


def collectors(installation: Installation) -> list[Any]:
    found: list[Any] = installation.api("flow_runs/filter", flows={"name": {"any_": ["collect-batches"]}})
    return found


def test_an_event_wakes_a_suspended_run_and_its_repetition_starts_nothing(installation: Installation, url: str) -> None:
    installation.start("told", wait="suspend")
    wait_for(installation, "told", "Suspended")
    until(lambda: batch_of(installation, "told")["status"] == "completed")
    event = an_event(id=batch_of(installation, "told")["id"])

    assert tell(url, event, key=b"guessed") == 400
    assert collectors(installation) == []
    assert tell(url, event, delivery="wh_first") == 200
    wait_for(installation, "told", "Completed")
    assert account(installation, "told")["complete"]

    assert tell(url, event, delivery="wh_first") == 200
    assert tell(url, event, delivery="wh_second") == 200
    assert len(collectors(installation)) == 1


def test_an_event_of_a_batch_that_has_not_ended_wakes_nobody(installation: Installation, url: str) -> None:
    installation.start("lied-to", wait="suspend")
    wait_for(installation, "lied-to", "Suspended")
    assert tell(url, an_event(id=batch_of(installation, "lied-to")["id"]), delivery="wh_lie") == 200
    until(lambda: all(run["state"]["type"] == "COMPLETED" for run in collectors(installation)))
    assert len(collectors(installation)) == 2
    wait_for(installation, "lied-to", "Suspended")
