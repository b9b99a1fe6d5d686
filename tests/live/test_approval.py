"""A run that asks a person: suspended with a form, answered by command and by API, and what that does to the site."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.builders import brief_fields
from tests.live.installation import ROOT, Installation, free_port, installed, running, wait_for_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("approval")
    port = free_port()
    provider = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "sk-simulated"}
    serve = [sys.executable, "-m", "pressrun", "simulate", "--batch-seconds", "1", "--port", str(port)]
    state = {**os.environ, "PRESSRUN_STATE_DIR": str(folder / "provider")}
    with running(serve, folder, state) as log:
        wait_for_server(port, log)
        with installed(folder, **provider, PRESSRUN_LIST_LAG="0.5") as installation:
            yield installation


def start(installation: Installation, slug: str) -> None:
    parameters = {
        "brief": brief_fields(name=slug, slug=slug, domain=f"{slug}.example", pages=["Home"], image_count=1),
        "approve_config": True,
        "out": str(installation.out),
        "poll_seconds": 0.5,
    }
    begun = installation.prefect("deployment", "run", "build-site/on-demand", "--params", json.dumps(parameters))
    assert begun.returncode == 0, begun.stderr


def approve(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pressrun", "approve", *words]
    return subprocess.run(command, cwd=ROOT, env=installation.env, capture_output=True, text=True, check=False)


def until(reached: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.5)


def state(installation: Installation, slug: str) -> str:
    """Of the run of a site, which gets its name when it starts."""
    runs = installation.read("flow-run", "ls")
    return next((str(run["state_name"]) for run in runs if run["name"] == f"build-site / {slug}"), "")


def asked(installation: Installation) -> int:
    """Chat requests that the provider has had."""
    stats = httpx2.get(installation.env["OPENAI_BASE_URL"].replace("/v1", "/simulator/stats")).json()
    return int(stats.get("POST /v1/chat/completions", 0))


def manifest(installation: Installation, slug: str) -> Any:
    return json.loads((installation.out / slug / "manifest.json").read_text())


def test_an_edited_approval_by_the_api_changes_the_site_and_is_in_the_manifest(installation: Installation) -> None:
    start(installation, "edited")
    until(lambda: state(installation, "edited") == "Suspended")
    run_id = installation.run("edited")["id"]
    decision = {"decision": "approve", "by": "Ines", "tagline": "Bread that waits for nobody"}
    answer = httpx2.post(
        f"{installation.env['PREFECT_API_URL']}/flow_runs/{run_id}/resume", json={"run_input": decision}
    ).json()
    assert answer["status"] == "ACCEPT"
    until(lambda: state(installation, "edited") == "Completed")
    [decided] = manifest(installation, "edited")["decisions"]
    assert (decided["decision"], decided["by"], decided["edited"]) == ("approve", "Ines", ["tagline"])
    site = json.loads((installation.out / "edited" / "site.json").read_text())
    assert site["config"]["tagline"] == "Bread that waits for nobody"
    assert asked(installation) == 1  # The configuration, once; the rest went by batch.


def test_another_version_is_made_by_the_notes_and_asked_about_again(installation: Installation) -> None:
    before = asked(installation)
    start(installation, "again")
    until(lambda: state(installation, "again") == "Suspended")
    told = approve(installation, "again", "--again", "Warmer, please", "--by", "Jo")
    assert told.returncode == 0, told.stderr
    until(lambda: asked(installation) == before + 2)
    until(lambda: state(installation, "again") == "Suspended")
    assert approve(installation, "again", "--by", "Jo").returncode == 0
    until(lambda: state(installation, "again") == "Completed")
    decisions = manifest(installation, "again")["decisions"]
    assert [(one["version"], one["decision"], one["notes"]) for one in decisions] == [
        (1, "new version", "Warmer, please"),
        (2, "approve", ""),
    ]
    assert asked(installation) == before + 2


def test_a_run_that_is_stopped_says_by_whom_and_starts_nothing_else(installation: Installation) -> None:
    before = asked(installation)
    start(installation, "stopped")
    until(lambda: state(installation, "stopped") == "Suspended")
    assert approve(installation, "stopped", "--stop", "--by", "Jo").returncode == 0
    until(lambda: state(installation, "stopped") == "Failed")
    assert "Jo stopped the run" in installation.run("stopped")["state"]["message"]
    assert asked(installation) == before + 1
    assert not (installation.out / "stopped").exists()


def test_a_decision_for_a_run_that_does_not_ask_is_refused_in_words(installation: Installation) -> None:
    refused = approve(installation, "nobody")
    assert refused.returncode == 2
    assert "No run with the id or the site 'nobody' asks for approval" in " ".join(refused.stderr.split())
