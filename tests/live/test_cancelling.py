"""Runs that a person cancels: their batch goes with them, what was paid is kept, and the next run collects it."""

from collections.abc import Iterator

import pytest

from tests.live.installation import Installation, served_by_simulator, until
from tests.live.watching import (
    LINES,
    account,
    batch_of,
    batches_of,
    cancel_as_the_ui_does,
    collect,
    has_come_to,
    log_of,
    provider,
    run_of,
    runs_of,
    wait_for,
)

DONE = 3
"""Lines that are answered before anybody cancels."""
HALF_DONE = {"end": "never", "share": DONE / LINES, "times": None}
STOPPED = ("cancelling", "cancelled")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its batches stay in progress for ever, with some of their lines done."""
    with served_by_simulator(tmp_path_factory.mktemp("cancelling"), batch_seconds=1) as installation:
        provider(installation).faults({"batches": [HALF_DONE]})
        yield installation


def wait_until_half_done(installation: Installation, slug: str) -> None:
    until(lambda: [one["request_counts"]["completed"] for one in batches_of(installation, slug)] == [DONE])


def check_that_it_said_what_it_keeps(installation: Installation, slug: str) -> None:
    batch, run = batch_of(installation, slug), runs_of(installation, slug)[0]
    assert batch["status"] in STOPPED
    until(lambda: f"Cancelled batch {batch['id']}" in log_of(installation, run))  # Logs come late.
    told = log_of(installation, run)
    assert told.count("Cancelled batch") == 1
    assert f"{DONE} of {LINES} answers were finished. They are kept and billed" in told


def check_that_the_next_run_pays_for_the_rest_only(installation: Installation, slug: str) -> None:
    before = provider(installation).posts()["chat"]
    installation.start(slug, wait="suspend")
    wait_for(installation, slug, "Cancelled", "Completed")
    manifest = account(installation, slug)
    assert manifest["complete"]
    assert [(batch["status"], batch["answered"]) for batch in manifest["batches"]] == [("cancelled", DONE)]
    assert len(batches_of(installation, slug)) == 1
    assert provider(installation).posts()["chat"] - before == LINES - DONE


def test_a_run_that_polls_is_cancelled_with_its_batch_and_says_what_it_keeps(installation: Installation) -> None:
    installation.start("polling", wait="poll")
    wait_until_half_done(installation, "polling")
    cancelled = installation.prefect("flow-run", "cancel", run_of(installation, "polling")["id"])
    assert cancelled.returncode == 0, cancelled.stderr
    wait_for(installation, "polling", "Cancelled")
    check_that_it_said_what_it_keeps(installation, "polling")
    check_that_the_next_run_pays_for_the_rest_only(installation, "polling")


def test_a_suspended_run_has_its_batch_cancelled_by_the_collector(installation: Installation) -> None:
    installation.start("suspended", wait="suspend")
    wait_for(installation, "suspended", "Suspended")
    wait_until_half_done(installation, "suspended")
    cancel_as_the_ui_does(installation, run_of(installation, "suspended"))
    # It has no process: Prefect ends it at once, and calls no hook.
    assert has_come_to(installation, "suspended", "Cancelled")
    assert batch_of(installation, "suspended")["status"] == "in_progress"

    assert "Cancelled batches of cancelled runs: 1." in collect(installation)["message"]
    # The next one has nothing to add.
    assert "cancelled" not in collect(installation)["message"]
    check_that_it_said_what_it_keeps(installation, "suspended")
    check_that_the_next_run_pays_for_the_rest_only(installation, "suspended")


def test_a_batch_that_another_run_waits_for_goes_on_until_that_one_is_cancelled_too(installation: Installation) -> None:
    installation.start("shared", wait="suspend")
    wait_for(installation, "shared", "Suspended")
    installation.start("shared", wait="suspend")
    wait_for(installation, "shared", "Suspended", "Suspended")
    maker, adopter = runs_of(installation, "shared")
    assert batch_of(installation, "shared")["metadata"]["flow_run_id"] == maker["id"]

    installation.prefect("flow-run", "cancel", maker["id"])
    assert "kept for other runs: 1." in collect(installation)["message"]
    assert batch_of(installation, "shared")["status"] == "in_progress"
    installation.prefect("flow-run", "cancel", adopter["id"])
    collect(installation)
    assert batch_of(installation, "shared")["status"] in STOPPED
