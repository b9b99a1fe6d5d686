"""The deployment as people use it: server, pool, worker and the command `prefect`, each a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.builders import brief_fields
from tests.live.installation import ROOT, Installation, installed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


def test_a_run_of_the_deployment_delivers_a_site_and_its_accounts(installation: Installation) -> None:
    watched = installation.build(brief_fields(image_count=2, client="ACME 7"))
    assert watched.returncode == 0, watched.stdout + watched.stderr

    run = installation.run("harbour-bakery")
    assert run["state_name"] == "Completed"
    assert sorted(run["tags"]) == ["client:ACME 7", "prefer:balanced", "pressrun", "site:harbour-bakery", "sites"]
    assert str(installation.out / "harbour-bakery" / "preview" / "index.html") in run["state"]["message"]

    bundle = installation.out / "harbour-bakery"
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert (manifest["complete"], manifest["simulated"], manifest["flow_run_id"]) == (True, True, run["id"])
    assert len(list((bundle / "articles").glob("*.md"))) == 6

    report = installation.artifact("costs-harbour-bakery")
    assert report["flow_run_id"] == run["id"]
    assert str(bundle / "costs.html") in report["data"]
    assert all(part in report["data"] for part in (bundle / "costs.md").read_text().split("\n\n"))
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


def test_a_brief_file_is_run_as_parameters_and_the_month_is_reported(installation: Installation) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "pressrun", "params", "examples/cedar-ledger.json"],
        cwd=ROOT,
        env=installation.env,
        capture_output=True,
        text=True,
        check=True,
    )
    options = {"simulate": "true", "out": str(installation.out), "poll_seconds": "0.5"}
    flags = [word for name, value in options.items() for word in ("--param", f"{name}={value}")]
    watched = installation.prefect(
        "deployment", "run", "build-site/on-demand", "--params", made.stdout, *flags, "--watch"
    )
    assert watched.returncode == 0, watched.stdout + watched.stderr

    month = f"{datetime.now(UTC):%Y-%m}"
    reported = installation.prefect(
        *("deployment", "run", "monthly-costs/first-of-month", "--watch"),
        *("--param", f"month={month}", "--param", "simulated=true"),
    )
    assert reported.returncode == 0, reported.stdout + reported.stderr
    newest = max(installation.read("artifact", "inspect", f"costs-{month}-simulated"), key=lambda one: one["created"])
    assert "cedar-ledger" in newest["data"]


def test_a_forecast_is_run_by_command(installation: Installation) -> None:
    given = json.dumps({"briefs": [brief_fields(name="West Bakery")]})
    watched = installation.prefect("deployment", "run", "forecast-cost/on-demand", "--params", given, "--watch")
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert "Plan for west-bakery" in installation.artifact("forecast-west-bakery")["data"]


def test_what_a_person_reads_in_the_log_is_there_once(installation: Installation) -> None:
    """After `test_a_run_of_the_deployment_delivers_a_site_and_its_accounts`."""
    log = installation.prefect("flow-run", "logs", installation.run("harbour-bakery")["id"]).stdout
    said = " ".join(log.split())
    assert said.count("The reasons are in the artifact forecast-harbour-bakery") == 1
    assert said.count("Submitted batch") == 1
    assert said.count("Finished in state") == 1
