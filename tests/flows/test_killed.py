"""A process that is killed at any phase, and the same command again: nothing that was paid for is paid twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.flows.conftest import Server

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("prefect_api")]

IMAGES = 3
BRIEF = f"""\
name: Harbour Bakery
domain: harbour-bakery.example
trade: Sourdough bakery
audience: People who live near the quay
services: [Sourdough loaves, Celebration cakes]
pages: [Home, Contact]
image_count: {IMAGES}
"""


def start(tmp_path: Path) -> subprocess.Popen[str]:
    """The command as a user gives it, as a process group of its own."""
    brief = tmp_path / "brief.yaml"
    brief.write_text(BRIEF)
    command = [sys.executable, "-m", "pressrun", "build", str(brief), "--out", str(tmp_path / "out"), "--poll", "0.2"]
    return subprocess.Popen(
        command,
        env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the phase was never reached"
        time.sleep(0.02)


def batch_is(server: Server, status: str) -> bool:
    import httpx2

    batches = httpx2.get(f"{server.base_url}/batches", headers={"Authorization": "Bearer sk-test"}).json()["data"]
    return bool(batches) and batches[0]["status"] == status


PHASES: dict[str, Callable[[Server, Path], bool]] = {
    "first image asked": lambda server, _out: server.count("/v1/images/generations") >= 1,
    "input file uploaded": lambda server, _out: server.count("/v1/files") >= 1,
    "batch created": lambda server, _out: server.count("/v1/batches") >= 1,
    "batch under way": lambda server, _out: batch_is(server, "in_progress"),
    "batch completed": lambda server, _out: batch_is(server, "completed"),
    "delivered": lambda _server, out: (out / "harbour-bakery" / "manifest.json").exists(),
}


@pytest.mark.parametrize("server", [3.0], indirect=True)
@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_run_started_again_pays_for_nothing_twice(tmp_path: Path, server: Server, phase: str) -> None:
    first = start(tmp_path)
    wait_until(lambda: PHASES[phase](server, tmp_path / "out"), first)
    kill(first)
    # Counted after the kill: what the process still sent until then is under way too, and ends in the journal.
    time.sleep(0.5)
    asked_for = server.count("/v1/images/generations")

    second = start(tmp_path)
    output, _ = second.communicate(timeout=90)
    assert second.returncode == 0, output
    assert "is complete" in output
    posts = server.posts()
    assert posts["batches"] == 1
    assert posts["chat"] == 1
    # Requests that were under way at the kill have no answer to keep; everything that was answered is kept.
    under_way = asked_for if phase in ("first image asked", "input file uploaded", "batch created") else 0
    assert IMAGES <= posts["images"] <= IMAGES + under_way
