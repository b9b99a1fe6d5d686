"""A process that is killed at any phase, and the same command again: nothing that was paid for is paid twice."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pressrun.strategy import BatchStrategy
from tests.live.commands import IMAGES, finish, kill, start, wait_until
from tests.patience import HANG
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

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
    images_may_be_under_way: bool = True


def asked(what: str) -> Callable[[Server, Path], bool]:
    return lambda server, _out: server.stats().get(what, 0) > 0


def struck(server: Server, _out: Path) -> bool:
    return server.was_hit()


def batch_is(status: str) -> Callable[[Server, Path], bool]:
    return lambda server, _out: server.statuses() == [status]


def slow(what: str, seconds: float = 4.0) -> dict[str, Any]:
    return {"at": what, "do": "slow", "seconds": seconds}


CREATE, CANCEL = "POST /v1/batches", "POST /v1/batches/{id}/cancel"
CONTENT, CHAT = "GET /v1/files/{id}/content", "POST /v1/chat/completions"
EXPIRED = {"end": "expired", "share": 0.5}

PHASES = {
    "first image asked": Phase(asked("POST /v1/images/generations")),
    "looking for a batch": Phase(struck, {"requests": [slow("GET /v1/batches") | {"skip": 1}]}),
    "uploading": Phase(struck, {"requests": [slow("POST /v1/files")]}),
    "input file uploaded": Phase(asked("POST /v1/files")),
    "creating": Phase(struck, {"requests": [slow(CREATE)]}),
    "created, its answer lost, the list lagging": Phase(
        struck, {"requests": [{"at": CREATE, "do": "drop_after"}], "batches": [{"unlisted": 6}]}, (), 1, True
    ),
    "batch created": Phase(asked(CREATE)),
    "batch under way": Phase(batch_is("in_progress")),
    "batch being cancelled": Phase(struck, {"requests": [slow(CANCEL)]}, ("--max-wait", "2s")),
    "batch completed": Phase(batch_is("completed")),
    "downloading": Phase(struck, {"requests": [slow(CONTENT)]}),
    "leftovers under way": Phase(struck, {"batches": [EXPIRED], "requests": [slow(CHAT, 6.0) | {"skip": 3}]}),
    "leftovers submitted": Phase(
        lambda server, _out: len(server.statuses()) == 2,
        {"batches": [EXPIRED]},
        ("--strategy", "strategy.yaml"),
        batches=2,
    ),
    "delivered": Phase(
        lambda _server, out: (out / "harbour-bakery" / "manifest.json").exists(), images_may_be_under_way=False
    ),
}

FLEET = ("north", "south", "west")


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

    assert "is complete" in finish(start(tmp_path, *phase.options))
    posts, batches = server.posts(), server.list_batches()
    payloads = [(batch["metadata"]["pressrun_key"], batch["metadata"].get("pressrun_after")) for batch in batches]
    assert len(payloads) == len(set(payloads)) == phase.batches
    # Requests that were under way at the kill have no answer to keep; everything that was answered is kept.
    assert IMAGES <= posts["images"] <= IMAGES + (IMAGES if phase.images_may_be_under_way else 0)
    answered = sum(batch["request_counts"]["completed"] for batch in batches)
    leftovers = CALLS - answered
    assert 1 + leftovers <= posts["chat"] <= 1 + leftovers + (leftovers if name == "leftovers under way" else 0)
    # What was billed is in the ledger, or still committed to where nobody heard the answer.
    assert server.covered() >= server.bill()


@pytest.mark.parametrize("server", [3.0], indirect=True)
@pytest.mark.parametrize("kills", [("images", "batch"), ("batch", "batch")])
def test_a_cap_holds_over_processes_that_are_killed_and_started_again(
    tmp_path: Path, server: Server, kills: tuple[str, ...]
) -> None:
    reached = {
        "images": lambda: server.posts()["images"] > 0,
        # Not its status: while the next process starts, the batch of a killed one may end.
        "batch": lambda: server.batches() > 0,
    }
    cap = Decimal("0.20")
    (tmp_path / "strategy.yaml").write_text(BatchStrategy().model_dump_json())
    for phase in kills:
        process = start(tmp_path, "--max-cost", str(cap))
        wait_until(reached[phase], process)
        kill(process)
    process = start(tmp_path, "--max-cost", str(cap))
    output, _ = process.communicate(timeout=HANG)
    assert process.returncode in (0, 1), output
    assert server.bill() <= server.covered() <= cap


@pytest.mark.parametrize("server", [4.0], indirect=True)
def test_a_fleet_that_was_killed_in_its_batch_goes_on_with_it(tmp_path: Path, server: Server) -> None:
    first = start(tmp_path, names=FLEET)
    wait_until(lambda: server.statuses() == ["in_progress"], first)
    kill(first)
    finish(start(tmp_path, names=FLEET))
    assert server.posts() == {"chat": 3, "images": 9, "batches": 1}


@pytest.mark.parametrize("server", [4.0], indirect=True)
def test_a_site_alone_finds_its_calls_in_the_batch_of_a_fleet_that_was_killed(tmp_path: Path, server: Server) -> None:
    first = start(tmp_path, names=FLEET)
    wait_until(lambda: server.statuses() == ["in_progress"], first)
    kill(first)
    finish(start(tmp_path, names=FLEET[:1]))
    assert server.posts() == {"chat": 3, "images": 3, "batches": 1}
    assert json.loads((tmp_path / "out" / "north" / "manifest.json").read_text())["complete"]
