"""A process that is killed at any phase, and the same command again: nothing that was paid for is paid twice."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.commands import IMAGES, finish, kill, start, wait_until
from tests.flows.conftest import Server

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("prefect_api")]


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

    assert "is complete" in finish(start(tmp_path))
    posts = server.posts()
    assert posts["batches"] == 1
    assert posts["chat"] == 1
    # Requests that were under way at the kill have no answer to keep; everything that was answered is kept.
    under_way = asked_for if phase in ("first image asked", "input file uploaded", "batch created") else 0
    assert IMAGES <= posts["images"] <= IMAGES + under_way
