"""The deployment as people use it: server, pool, worker and the command `prefect`, each a process of its own."""

import json
from collections.abc import Iterator

import pytest

from tests.builders import brief_fields
from tests.live.installation import Installation, installed

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


def test_a_run_of_the_deployment_delivers_a_site_and_its_accounts(installation: Installation) -> None:
    watched = installation.build(brief_fields(image_count=2))
    assert watched.returncode == 0, watched.stdout + watched.stderr

    run = installation.run("harbour-bakery")
    assert run["state_name"] == "Completed"
    assert sorted(run["tags"]) == ["prefer:balanced", "pressrun", "site:harbour-bakery"]

    bundle = installation.out / "harbour-bakery"
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert (manifest["complete"], manifest["simulated"], manifest["flow_run_id"]) == (True, True, run["id"])
    assert len(list((bundle / "articles").glob("*.md"))) == 6

    report = installation.artifact("costs-harbour-bakery")
    assert report["flow_run_id"] == run["id"]
    assert report["data"] == (bundle / "costs.md").read_text()
    assert "Plan for harbour-bakery" in installation.artifact("forecast-harbour-bakery")["data"]
    assert json.loads(installation.artifact("costs-table-harbour-bakery")["data"])[-1]["step"] == "Total"
    [progress] = [found for found in installation.read("artifact", "ls") if found["type"] == "progress"]
    assert progress["key"].startswith("batch-harbour-bakery-")
    assert installation.artifact(progress["key"])["data"] == 100


def test_a_run_above_its_cap_is_refused_with_exit_code_1_and_nothing_made(installation: Installation) -> None:
    watched = installation.build(brief_fields(name="Dear Bakery", image_count=2), max_cost_usd=0.001)
    assert watched.returncode == 1, watched.stdout + watched.stderr
    run = installation.run("dear-bakery")
    assert (run["state_name"], run["state_type"]) == ("Refused", "FAILED")
    assert "above the cap of $0.001. Nothing was spent." in run["state"]["message"]
    assert not (installation.out / "dear-bakery").exists()


def test_a_brief_outside_its_bounds_never_becomes_a_run(installation: Installation) -> None:
    before = installation.read("flow-run", "ls")
    refused = installation.build(brief_fields(name="Wordy Bakery", article_count=12))
    assert refused.returncode == 1
    assert "12 is greater than the maximum of 9" in " ".join((refused.stdout + refused.stderr).split())
    assert len(installation.read("flow-run", "ls")) == len(before)
