"""On PostgreSQL, with two workers that share results: one is killed, and every run goes through, paid for once."""

import json
from collections.abc import Iterator

import pytest

from tests.live.installation import Installation, served_by_simulator, until
from tests.live.postgres import postgres, why_no_postgres
from tests.live.watching import collect, kill

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(why_no_postgres() is not None, reason=why_no_postgres() or ""),
]

RUNS = 4
PAID = ("POST /v1/batches", "POST /v1/chat/completions", "POST /v1/images/generations")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its workers have homes of their own, as on two machines, and one folder for results."""
    folder = tmp_path_factory.mktemp("postgres")
    with (
        postgres() as database,
        served_by_simulator(
            folder,
            batch_seconds=60,
            PREFECT_SERVER_DATABASE_CONNECTION_URL=database,
            PREFECT_RESULTS_LOCAL_STORAGE_PATH=str(folder / "results"),
        ) as installation,
        installation.worker("second", PREFECT_HOME=str(folder / "second")),
    ):
        yield installation


def image_is_stored(installation: Installation, slug: str) -> bool:
    """Whether the site's only image was answered, and the task that asked for it has stored its result."""
    tasks = installation.api(
        "task_runs/filter",
        flow_runs={"id": {"any_": [installation.run(slug)["id"]]}},
        task_runs={"name": {"like_": "images: "}, "state": {"type": {"any_": ["COMPLETED"]}}},
    )
    return bool(tasks)


def test_suspended_runs_outlive_the_worker_that_had_them(installation: Installation) -> None:
    slugs = [f"shared-{number}" for number in range(RUNS)]
    for slug in slugs:
        installation.start(slug, wait="suspend")
    until(lambda: list(installation.states().values()) == ["Suspended"] * RUNS)
    until(lambda: not installation.flow_processes())
    kill(installation.workers("first"))
    with installation.worker("third", PREFECT_HOME=str(installation.folder / "third")):
        until(lambda: [batch["status"] for batch in installation.batches()] == ["completed"] * RUNS)
        collect(installation)
        until(lambda: list(installation.states().values()) == ["Completed"] * RUNS)

    asked = installation.provider_says("stats")
    assert {what: asked[what] for what in PAID} == dict.fromkeys(PAID, RUNS)
    assert all(json.loads((installation.out / slug / "manifest.json").read_text())["complete"] for slug in slugs)


def test_a_run_whose_worker_and_process_were_killed_is_taken_up_by_another_worker(installation: Installation) -> None:
    """Prefect goes on showing the lost run as Running; the same brief, started anew, pays for nothing again."""
    before = installation.provider_says("stats")
    installation.start("lost")
    until(lambda: len(installation.batches()) == RUNS + 1)
    # The answer to a request that is under way at the kill is lost, so another run would ask for that image again.
    until(lambda: image_is_stored(installation, "lost"))
    kill([*installation.workers("second"), *installation.flow_processes()])
    with installation.worker("fourth", PREFECT_HOME=str(installation.folder / "fourth")):
        installation.start("lost")
        manifest = installation.out / "lost" / "manifest.json"
        until(manifest.exists)

    assert json.loads(manifest.read_text())["complete"]
    asked = installation.provider_says("stats")
    asked_anew = {what: asked[what] - before[what] for what in PAID}
    assert asked_anew == dict.fromkeys(PAID, 1)
