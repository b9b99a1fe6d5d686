"""A run that asks a person: suspended with a form, answered by command and by API, and what that does to the site."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.live.installation import ROOT, Installation, served_by_simulator, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with served_by_simulator(tmp_path_factory.mktemp("approval"), batch_seconds=1) as installation:
        yield installation


def start(installation: Installation, slug: str) -> None:
    """Start a site, and wait until its run asks."""
    installation.start(slug, approve_config=True)
    until(lambda: state(installation, slug) == "Suspended")


def approve(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pressrun", "approve", *words]
    return subprocess.run(command, cwd=ROOT, env=installation.env, capture_output=True, text=True, check=False)


def state(installation: Installation, slug: str) -> str:
    return installation.states().get(slug, "")


def asked(installation: Installation) -> int:
    """Chat requests that the provider has had."""
    return int(installation.provider_says("stats").get("POST /v1/chat/completions", 0))


def manifest(installation: Installation, slug: str) -> Any:
    return json.loads((installation.out / slug / "manifest.json").read_text())


def test_an_edited_approval_by_the_api_changes_the_site_and_is_in_the_manifest(installation: Installation) -> None:
    start(installation, "edited")
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
    assert approve(installation, "stopped", "--stop", "--by", "Jo").returncode == 0
    until(lambda: state(installation, "stopped") == "Failed")
    assert "Jo stopped the run" in installation.run("stopped")["state"]["message"]
    assert asked(installation) == before + 1
    assert not (installation.out / "stopped").exists()


def test_a_decision_for_a_run_that_does_not_ask_is_refused_in_words(installation: Installation) -> None:
    refused = approve(installation, "nobody")
    assert refused.returncode == 2
    assert "No run with the id or the site 'nobody' asks for approval" in " ".join(refused.stderr.split())
