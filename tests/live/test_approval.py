"""A run that asks a person: suspended with a form, answered by command and by API, and what that does to the site."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.installation import ROOT, Installation, served_by_simulator, until
from tests.live.watching import collect, history


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with served_by_simulator(tmp_path_factory.mktemp("approval"), batch_seconds=1) as installation:
        yield installation


def start(installation: Installation, slug: str, **options: Any) -> None:
    """Start a site, and wait until its run asks."""
    installation.start(slug, **(options or {"approve_config": True}))
    until(lambda: state(installation, slug) == "Suspended")


def approve(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pressrun", "approve", *words]
    return subprocess.run(command, cwd=ROOT, env=installation.env, capture_output=True, text=True, check=False)


def state(installation: Installation, slug: str) -> str:
    return installation.states().get(slug, "")


def questions(installation: Installation, slug: str) -> int:
    """How often a run has been suspended."""
    return history(installation, installation.run(slug)).count("Suspended")


def previews(installation: Installation, slug: str) -> list[Path]:
    return list((installation.out / ".preview").glob(f"*/{slug}"))


def asked(installation: Installation) -> int:
    """Chat requests that the provider has had."""
    return int(installation.provider_says("stats").get("POST /v1/chat/completions", 0))


def manifest(installation: Installation, slug: str) -> Any:
    return json.loads((installation.out / slug / "manifest.json").read_text())


def test_an_edited_approval_by_the_api_changes_the_site_and_is_in_the_manifest(installation: Installation) -> None:
    start(installation, "edited")
    run_id = installation.run("edited")["id"]
    decision = {"decision": "approve", "by": "Ines", "tagline": "Bread that waits for nobody"}
    answer = installation.api(f"flow_runs/{run_id}/resume", run_input=decision)
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
    until(lambda: state(installation, "stopped") == "Stopped")
    assert "Jo stopped the run" in installation.run("stopped")["state"]["message"]
    assert asked(installation) == before + 1
    assert not (installation.out / "stopped").exists()


def test_a_decision_for_a_run_that_does_not_ask_is_refused_in_words(installation: Installation) -> None:
    refused = approve(installation, "nobody")
    assert refused.returncode == 2
    assert "No run with the id or site 'nobody' asks for approval" in " ".join(refused.stderr.split())


def test_a_site_is_delivered_as_it_was_shown_once_it_is_approved_and_nothing_is_paid_twice(
    installation: Installation,
) -> None:
    start(installation, "shown", approve_delivery=True)
    [preview] = previews(installation, "shown")
    assert not (installation.out / "shown").exists()
    shown = {file.relative_to(preview): file.read_bytes() for file in preview.rglob("*") if file.is_file()}
    before = installation.provider_says("stats")

    refused = approve(installation, "shown", "--again", "Warmer")
    assert refused.returncode == 2
    assert "a finished site has no new versions" in " ".join(refused.stderr.split())
    assert approve(installation, "shown", "--by", "Ines").returncode == 0
    until(lambda: state(installation, "shown") == "Completed")

    bundle = installation.out / "shown"
    changed = [str(name) for name, data in shown.items() if (bundle / name).read_bytes() != data]
    assert changed == ["manifest.json"]
    [decided] = manifest(installation, "shown")["decisions"]
    assert (decided["about"], decided["decision"], decided["by"]) == ("delivery", "approve", "Ines")
    assert previews(installation, "shown") == []
    bought = ("POST /v1/chat/completions", "POST /v1/batches", "POST /v1/images/generations")
    after = installation.provider_says("stats")
    assert {name: after.get(name) for name in bought} == {name: before.get(name) for name in bought}
    assert len(installation.read("artifact", "inspect", "costs-shown")) == 1


def test_a_site_that_was_stopped_before_its_delivery_says_where_its_preview_is_and_a_retry_asks_about_it_only(
    installation: Installation,
) -> None:
    start(installation, "kept", approve_config=True, approve_delivery=True)
    assert approve(installation, "kept", "--by", "Jo").returncode == 0
    until(lambda: questions(installation, "kept") == 2)
    assert approve(installation, "kept", "--stop", "--by", "Jo").returncode == 0
    until(lambda: state(installation, "kept") == "Stopped")
    [preview] = previews(installation, "kept")
    assert str(preview) in installation.run("kept")["state"]["message"]
    assert not (installation.out / "kept").exists()

    before = asked(installation)
    assert installation.prefect("flow-run", "retry", installation.run("kept")["id"]).returncode == 0
    until(lambda: questions(installation, "kept") == 3)
    assert approve(installation, "kept", "--by", "Ines").returncode == 0
    until(lambda: state(installation, "kept") == "Completed")
    decisions = manifest(installation, "kept")["decisions"]
    assert [(one["about"], one["version"], one["by"]) for one in decisions] == [
        ("config", 1, "Jo"),
        ("delivery", 2, "Ines"),
    ]
    assert asked(installation) == before


def test_what_nobody_decides_in_time_fails_or_goes_on_as_was_ordered(installation: Installation) -> None:
    installation.start("fails", approve_config=True, approval_timeout="1m")
    installation.start("goes-on", approve_config=True, approval_timeout="1m", on_approval_timeout="approve")
    until(lambda: state(installation, "fails") == "Failed")
    refused = approve(installation, "fails")
    assert refused.returncode == 2
    assert "nobody decided in time" in " ".join(refused.stderr.split())

    def collected() -> bool:
        collect(installation)
        return state(installation, "goes-on") != "Suspended"

    until(collected, pause=3)
    until(lambda: state(installation, "goes-on") == "Completed")
    [decided] = manifest(installation, "goes-on")["decisions"]
    assert (decided["decision"], decided["by"]) == ("approve", "nobody (approve_after policy)")
    assert decided["notes"].startswith("Nobody had decided by 20")

    assert installation.prefect("flow-run", "retry", installation.run("fails")["id"]).returncode == 0
    until(lambda: state(installation, "fails") == "Suspended")
    assert approve(installation, "fails").returncode == 0
    until(lambda: state(installation, "fails") == "Completed")


def test_a_decision_that_is_left_out_is_refused_and_the_run_still_waits(installation: Installation) -> None:
    start(installation, "undecided")
    run_id = installation.run("undecided")["id"]
    answer = installation.api(f"flow_runs/{run_id}/resume", run_input={"by": "Jo"})
    assert answer["status"] == "REJECT"
    assert state(installation, "undecided") == "Suspended"
