"""Runs that wait without a process: suspended, woken by the collector, and paid for once."""

import json
from collections.abc import Iterator

import pytest

from tests.live.installation import Installation, served_by_simulator, until
from tests.live.watching import collect

RUNS = 3


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its batches take longer than it takes a run to be suspended."""
    with served_by_simulator(tmp_path_factory.mktemp("suspended"), batch_seconds=45) as installation:
        yield installation


def test_suspended_runs_hold_no_process_and_go_on_when_their_batch_has_ended(installation: Installation) -> None:
    slugs = [f"waiting-{number}" for number in range(RUNS)]
    for slug in slugs:
        installation.start(slug, wait="suspend")
    until(lambda: list(installation.states().values()) == ["Suspended"] * RUNS)
    until(lambda: not installation.flow_processes())

    # Nothing has ended yet: the collector wakes nobody.
    collect(installation)
    assert set(installation.states().values()) == {"Suspended"}

    until(lambda: [batch["status"] for batch in installation.batches()] == ["completed"] * RUNS)
    collect(installation)
    until(lambda: list(installation.states().values()) == ["Completed"] * RUNS)

    asked = installation.provider_says("stats")
    assert asked["POST /v1/batches"] == RUNS
    assert asked["POST /v1/chat/completions"] == RUNS
    assert asked["POST /v1/images/generations"] == RUNS
    for slug in slugs:
        assert json.loads((installation.out / slug / "manifest.json").read_text())["complete"]
        for key in (f"costs-{slug}", f"forecast-{slug}"):
            assert len(installation.read("artifact", "inspect", key)) == 1
    batches = [one for one in installation.read("artifact", "ls") if one["type"] == "progress"]
    assert len(batches) == RUNS
