"""A process that is killed at any phase, and the same command again: nothing that was paid for is paid twice."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.flows.commands import IMAGES, finish, kill, start, wait_until
from tests.flows.conftest import Server

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("prefect_api")]

CALLS = 6 + 1 + 1
"""Calls of the merged batch: articles, the pack of descriptions, the pack of meta tags."""


@dataclass(frozen=True)
class Phase:
    """When the process is killed."""

    reached: Callable[[Server, Path], bool]
    faults: dict[str, Any] = field(default_factory=dict)
    """What goes wrong besides, so that the phase lasts."""
    options: tuple[str, ...] = ()
    batches: int = 1
    """Distinct payloads."""
    images_may_be_under_way: bool = False


def asked(what: str) -> Callable[[Server, Path], bool]:
    return lambda server, _out: server.stats().get(what, 0) > 0


def struck(server: Server, _out: Path) -> bool:
    return server.was_hit()


def batch_is(status: str) -> Callable[[Server, Path], bool]:
    return lambda server, _out: server.statuses() == [status]


def slow(what: str, seconds: float = 4.0) -> dict[str, Any]:
    return {"at": what, "do": "slow", "seconds": seconds}


CREATE, CONTENT, CHAT = "POST /v1/batches", "GET /v1/files/{id}/content", "POST /v1/chat/completions"
EXPIRED = {"end": "expired", "share": 0.5}

PHASES = {
    "first image asked": Phase(asked("POST /v1/images/generations"), images_may_be_under_way=True),
    "looking for a batch": Phase(struck, {"requests": [slow("GET /v1/batches") | {"skip": 1}]}, (), 1, True),
    "uploading": Phase(struck, {"requests": [slow("POST /v1/files")]}, images_may_be_under_way=True),
    "input file uploaded": Phase(asked("POST /v1/files"), images_may_be_under_way=True),
    "creating": Phase(struck, {"requests": [slow(CREATE)]}, images_may_be_under_way=True),
    "created, its answer lost, the list lagging": Phase(
        struck, {"requests": [{"at": CREATE, "do": "drop_after"}], "batches": [{"unlisted": 6}]}, (), 1, True
    ),
    "batch created": Phase(asked(CREATE), images_may_be_under_way=True),
    "batch under way": Phase(batch_is("in_progress"), images_may_be_under_way=True),
    "batch being cancelled": Phase(batch_is("cancelling"), options=("--max-wait", "2s")),
    "batch completed": Phase(batch_is("completed")),
    "downloading": Phase(struck, {"requests": [slow(CONTENT)]}),
    "leftovers under way": Phase(struck, {"batches": [EXPIRED], "requests": [slow(CHAT, 6.0) | {"skip": 3}]}),
    "leftovers submitted": Phase(
        lambda server, _out: len(server.statuses()) == 2,
        {"batches": [EXPIRED]},
        ("--strategy", "strategy.yaml"),
        batches=2,
    ),
    "delivered": Phase(lambda _server, out: (out / "harbour-bakery" / "manifest.json").exists()),
}


@pytest.mark.parametrize("server", [3.0], indirect=True)
@pytest.mark.parametrize("name", PHASES)
def test_a_killed_run_started_again_pays_for_nothing_twice(
    tmp_path: Path, server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSRUN_LIST_LAG", "12")
    phase = PHASES[name]
    (tmp_path / "strategy.yaml").write_text("on_timeout: resubmit\n")
    server.faults(phase.faults)
    first = start(tmp_path, *phase.options)
    wait_until(lambda: phase.reached(server, tmp_path / "out"), first)
    kill(first)
    # Counted after the kill: what the process still sent until then is under way too, and ends in the journal.
    time.sleep(0.5)
    images_asked = server.posts()["images"]

    assert "is complete" in finish(start(tmp_path, *phase.options))
    posts, batches = server.posts(), server.list_batches()
    payloads = [(batch["metadata"]["pressrun_key"], batch["metadata"].get("pressrun_after")) for batch in batches]
    assert len(payloads) == len(set(payloads)) == phase.batches
    # Requests that were under way at the kill have no answer to keep; everything that was answered is kept.
    assert IMAGES <= posts["images"] <= IMAGES + (images_asked if phase.images_may_be_under_way else 0)
    answered = sum(batch["request_counts"]["completed"] for batch in batches)
    leftovers = CALLS - answered
    assert 1 + leftovers <= posts["chat"] <= 1 + leftovers + (leftovers if name == "leftovers under way" else 0)
    # What was billed is in the ledger, or still committed to where nobody heard the answer.
    assert server.covered() >= server.bill()
