"""Runs that wait without a process: suspended, woken by the collector, and paid for once."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.builders import brief_fields
from tests.live.installation import Installation, free_port, installed, running, wait_for_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

RUNS = 3
BATCH_SECONDS = 45


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With a provider of its own, whose batches take longer than it takes a run to be suspended."""
    folder = tmp_path_factory.mktemp("suspended")
    port = free_port()
    serve = [sys.executable, "-m", "pressrun", "simulate", "--batch-seconds", str(BATCH_SECONDS), "--port", str(port)]
    provider = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "sk-simulated"}
    state = {**os.environ, "PRESSRUN_STATE_DIR": str(folder / "provider")}
    with running(serve, folder, state) as log:
        wait_for_server(port, log)
        with installed(folder, **provider, PRESSRUN_LIST_LAG="0.5") as installation:
            yield installation


def start(installation: Installation, slug: str) -> None:
    parameters = {
        "brief": brief_fields(name=slug, slug=slug, domain=f"{slug}.example", pages=["Home"], image_count=1),
        "wait": "suspend",
        "out": str(installation.out),
    }
    begun = installation.prefect("deployment", "run", "build-site/on-demand", "--params", json.dumps(parameters))
    assert begun.returncode == 0, begun.stderr


def states(installation: Installation) -> dict[str, str]:
    """Of all runs of sites, by name."""
    runs = installation.read("flow-run", "ls")
    return {run["name"]: run["state_name"] for run in runs if run["name"].startswith("build-site")}


def collect(installation: Installation) -> None:
    done = installation.prefect("deployment", "run", "collect-batches/every-2-minutes", "--watch")
    assert done.returncode == 0, done.stdout + done.stderr


def until(reached: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(1)


def flow_processes(installation: Installation) -> list[int]:
    """Processes of this installation that run a flow."""
    home = installation.env["PREFECT_HOME"].encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            is_ours = entry.name.isdigit() and home in (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes() if is_ours else b""
        except OSError:
            continue
        if b"flow_engine" in command or b"flow-run\0execute" in command:
            found.append(int(entry.name))
    return found


def provider_says(installation: Installation, what: str) -> Any:
    return httpx2.get(installation.env["OPENAI_BASE_URL"].replace("/v1", f"/simulator/{what}")).json()


def test_suspended_runs_hold_no_process_and_go_on_when_their_batch_has_ended(installation: Installation) -> None:
    slugs = [f"waiting-{number}" for number in range(RUNS)]
    for slug in slugs:
        start(installation, slug)
    until(lambda: list(states(installation).values()) == ["Suspended"] * RUNS)
    until(lambda: flow_processes(installation) == [], seconds=20)

    # Nothing has ended yet: the collector wakes nobody.
    collect(installation)
    assert set(states(installation).values()) == {"Suspended"}

    def ended() -> bool:
        listed = httpx2.get(
            f"{installation.env['OPENAI_BASE_URL']}/batches", headers={"Authorization": "Bearer sk-simulated"}
        ).json()["data"]
        return len(listed) == RUNS and all(batch["status"] == "completed" for batch in listed)

    until(ended)
    collect(installation)
    until(lambda: list(states(installation).values()) == ["Completed"] * RUNS)

    asked = provider_says(installation, "stats")
    assert asked["POST /v1/batches"] == RUNS
    assert asked["POST /v1/chat/completions"] == RUNS
    assert asked["POST /v1/images/generations"] == RUNS
    for slug in slugs:
        assert json.loads((installation.out / slug / "manifest.json").read_text())["complete"]
        for key in (f"costs-{slug}", f"forecast-{slug}"):
            assert len(installation.read("artifact", "inspect", key)) == 1
    batches = [one for one in installation.read("artifact", "ls") if one["type"] == "progress"]
    assert len(batches) == RUNS
