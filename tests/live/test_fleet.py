"""A fleet as a service: its sites are given to the work pool, and it waits without a process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import brief_fields
from tests.live.installation import Installation, served_by_simulator, until
from tests.live.watching import collect


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with served_by_simulator(tmp_path_factory.mktemp("fleet"), batch_seconds=20) as installation:
        yield installation


def folder_of(installation: Installation, *slugs: str) -> str:
    """A folder of briefs of small sites."""
    folder = installation.folder / f"briefs-{slugs[0]}"
    folder.mkdir()
    for slug in slugs:
        fields = brief_fields(name=slug, slug=slug, domain=f"{slug}.example", pages=["Home"], image_count=1)
        (folder / f"{slug}.json").write_text(json.dumps(fields))
    return str(folder)


def start(installation: Installation, briefs: str, *, watch: bool = False, **options: Any) -> None:
    parameters = {"briefs": briefs, "out": str(installation.out), "poll_seconds": 0.5, "max_cost_usd": 5, **options}
    words = ["deployment", "run", "build-fleet/nightly", "--params", json.dumps(parameters)]
    begun = installation.prefect(*words, *(["--watch"] if watch else []))
    assert begun.returncode == 0, begun.stdout + begun.stderr


def fleet_state(installation: Installation, briefs: str) -> str:
    runs = installation.api("flow_runs/filter", flows={"name": {"any_": ["build-fleet"]}})
    return str({run["name"]: run["state_name"] for run in runs}.get(f"build-fleet / {briefs}", ""))


def is_complete(out: Path, slug: str) -> bool:
    return bool(json.loads((out / slug / "manifest.json").read_text())["complete"])


def test_a_fleet_waits_without_a_process_and_gives_its_sites_to_the_work_pool(installation: Installation) -> None:
    slugs = ("north", "south", "west")
    briefs = folder_of(installation, *slugs)
    start(installation, briefs, wait="suspend", sites_per_run=2)
    until(lambda: fleet_state(installation, briefs) == "Suspended")

    def woken() -> bool:
        collect(installation)
        return fleet_state(installation, briefs) != "Suspended"

    until(woken, pause=3)
    until(lambda: fleet_state(installation, briefs) == "Completed")
    assert all(is_complete(installation.out, slug) for slug in slugs)
    asked = installation.provider_says("stats")
    assert asked["POST /v1/batches"] == 1
    assert asked["POST /v1/chat/completions"] == asked["POST /v1/images/generations"] == 3
    parts = installation.api("flow_runs/filter", flows={"name": {"any_": ["build-sites"]}})
    assert [run["state_name"] for run in parts] == ["Completed"] * 2
    assert len(installation.read("artifact", "inspect", "fleet")) == 1


def test_sites_that_wait_for_a_person_have_runs_of_their_own(installation: Installation) -> None:
    slugs = ("asked-1", "asked-2")
    briefs = folder_of(installation, *slugs)
    start(installation, briefs, watch=True, approve_config=True)
    until(lambda: all(installation.states().get(slug) == "Suspended" for slug in slugs))
    before = installation.provider_says("stats")["POST /v1/chat/completions"]
    # The next night neither asks nor pays again.
    start(installation, briefs, watch=True, approve_config=True)
    assert installation.provider_says("stats")["POST /v1/chat/completions"] == before
