"""Every fault that a batch may meet, under runs that are suspended for it: all of them at once, in one installation.

In all: one batch for each payload, a complete site or a state that says what to do, and a ledger that is the bill.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pressrun.costs.ledgerfile import LedgerFile
from tests.live.installation import ENDED, ROOT, Installation, served_by_simulator, until
from tests.live.watching import (
    LINES,
    account,
    batch_of,
    batches_of,
    collect,
    history,
    kill,
    provider,
    run_of,
    runs_of,
    start_collector,
)
from tests.patience import delete
from tests.provider import billed

AFTER = 60.0
"""Seconds from a batch's creation to its end, in which its run is suspended."""
BATCHES: dict[str, dict[str, Any]] = {
    # The last line of a share is done at a tenth of the time and eight tenths of the share.
    "expired": {"end": "expired", "share": 0.5, "seconds": AFTER / 0.5},
    "cancelled": {"end": "cancelled", "share": 0.25, "seconds": AFTER / 0.3},
    "refused": {"code": "invalid_json_line", "message": "Not JSON.", "line": 3, "seconds": AFTER / 0.1},
    "stopped": {"end": "never", "share": 0.5, "seconds": 1},
    "overdue": {"end": "never", "share": 0.5, "seconds": 1},
    "bad-lines": {},
    "lost-files": {},
}
"""What becomes of the batch of each site."""
LINE_FAULTS = [
    {"item": "^bad-lines-articles-article-02", "do": "error", "status": 500, "code": "server_error"},
    {"item": "^bad-lines-articles-article-03", "do": "error", "status": 400, "code": "invalid_value"},
]
SCRIPT = {
    "requests": [{"at": "POST /v1/batches", "do": "drop_after", "skip": 1}],
    "batches": [{"site": slug, **fault} for slug, fault in BATCHES.items()],
    "lines": LINE_FAULTS,
}
NO_LIST = {"at": "GET /v1/batches", "do": "status", "status": 500, "times": None}
SLOW_LIST = {"at": "GET /v1/batches", "do": "slow", "seconds": 60}


@dataclass
class Day:
    """What happened, for the tests to look at."""

    installation: Installation
    failed_collector: Any = None
    """The state of the collector that got no list."""
    woken_by_it: list[str] = field(default_factory=list)
    batches: dict[str, list[Any]] = field(default_factory=dict)
    """The batches of each site at the end."""

    def state(self, slug: str) -> Any:
        return run_of(self.installation, slug)["state"]

    def manifest_batches(self, slug: str) -> list[tuple[str, int]]:
        """The batches that a delivered site was made from: what each ended as, with its answers."""
        return [(batch["status"], batch["answered"]) for batch in account(self.installation, slug)["batches"]]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("faults")
    with served_by_simulator(folder, batch_seconds=AFTER) as installation, ExitStack() as stack:
        day = Day(installation)
        provider(installation).faults(SCRIPT)
        wake_by_hand(day, "stopped")
        suspend_all(day)
        fail_the_list(day)
        stop_by_hand(day, "stopped")
        lose_the_files(day, "lost-files")
        replace_the_worker(day, stack)
        kill_a_collector_and_start_two(day)
        until(lambda: has_settled(day), pause=5)
        day.batches = {slug: batches_of(installation, slug) for slug in BATCHES}
        yield day


def wake_by_hand(day: Day, slug: str) -> None:
    """What the button in the UI does, before there is anything to go on with."""
    day.installation.start(slug, wait="suspend")
    until(lambda: "Suspended" in states(day, slug))
    day.installation.api(f"flow_runs/{run_of(day.installation, slug)['id']}/resume")
    until(lambda: states(day, slug).count("Suspended") == 2)


def suspend_all(day: Day) -> None:
    for slug in BATCHES.keys() - {"stopped"}:
        longest = {"max_wait_time": f"{AFTER}s"} if slug == "overdue" else {}
        day.installation.start(slug, wait="suspend", **longest)
    until(lambda: all("Suspended" in states(day, slug) for slug in BATCHES))


def states(day: Day, slug: str) -> list[str]:
    """What the run of a site has been through; nothing before it has begun."""
    runs = runs_of(day.installation, slug)
    return history(day.installation, runs[0]) if runs else []


def fail_the_list(day: Day) -> None:
    before = {slug: states(day, slug) for slug in BATCHES}
    change_faults(day, requests=[NO_LIST])
    day.failed_collector = collect(day.installation, ends_as="FAILED")
    change_faults(day)
    after = {slug: states(day, slug) for slug in BATCHES}
    day.woken_by_it = [slug for slug in BATCHES if before[slug] != after[slug]]


def change_faults(day: Day, **faults: Any) -> None:
    """What is to go wrong with batches is fixed when they are created, what with their lines is not."""
    provider(day.installation).faults({"lines": LINE_FAULTS, **faults})


def stop_by_hand(day: Day, slug: str) -> None:
    """`pressrun batches cancel`, under the run that waits for it."""
    command = [sys.executable, "-m", "pressrun", "batches", "cancel", batch_of(day.installation, slug)["id"], "--yes"]
    subprocess.run(command, cwd=ROOT, env=day.installation.env, capture_output=True, text=True, check=True)


def replace_the_worker(day: Day, stack: ExitStack) -> None:
    kill(day.installation.workers("first"))
    stack.enter_context(day.installation.worker())


def kill_a_collector_and_start_two(day: Day) -> None:
    change_faults(day, requests=[SLOW_LIST])
    collector = start_collector(day.installation)
    until(lambda: day.installation.provider_says("faults")["struck"]["requests"] == [1])
    kill([pid for pid, run in day.installation.flow_processes().items() if run == collector])
    change_faults(day)
    for _ in range(2):
        start_collector(day.installation)


def lose_the_files(day: Day, slug: str) -> None:
    """Somebody deletes the result files of a batch that nobody has read."""
    until(lambda: batch_of(day.installation, slug)["status"] == "completed")
    url = f"{day.installation.env['OPENAI_BASE_URL']}/files/{batch_of(day.installation, slug)['output_file_id']}"
    delete(url, headers={"Authorization": "Bearer sk-simulated"}).raise_for_status()


def has_settled(day: Day) -> bool:
    """Whether every run has ended; runs the collector once while one is suspended."""
    found = [day.state(slug) for slug in BATCHES]
    if any(state["name"] == "Suspended" for state in found):
        collect(day.installation)
    return all(state["type"] in ENDED for state in found)


@pytest.mark.parametrize(
    ("slug", "ended_as", "kept"),
    [
        ("expired", "expired", LINES // 2),
        ("cancelled", "cancelled", LINES // 4),
        ("stopped", "cancelled", LINES // 2),
        ("overdue", "cancelled", LINES // 2),
    ],
)
def test_what_a_batch_answered_is_kept_and_the_site_is_complete(day: Day, slug: str, ended_as: str, kept: int) -> None:
    assert day.state(slug)["name"] == "Completed"
    assert account(day.installation, slug)["complete"]
    assert day.manifest_batches(slug) == [(ended_as, kept)]


def test_a_refused_batch_fails_its_run_with_the_line_and_the_item(day: Day) -> None:
    state = day.state("refused")
    assert state["name"] == "Failed"
    assert "line 3 (refused-articles-article-03-" in state["message"]
    assert "None of it ran or was billed" in state["message"]


def test_of_lines_that_failed_those_that_may_succeed_are_asked_again(day: Day) -> None:
    assert day.state("bad-lines")["name"] == "Incomplete"
    assert [item["item"] for item in account(day.installation, "bad-lines")["missing"]] == ["article-03"]
    assert day.manifest_batches("bad-lines") == [("completed", LINES - 2)]


def test_result_files_that_are_gone_fail_the_run_and_are_not_paid_for_again(day: Day) -> None:
    state = day.state("lost-files")
    assert state["name"] == "Failed"
    assert "is not at the provider (HTTP 404)" in state["message"]
    assert "nothing was asked again. Run again: if the file is still missing then" in state["message"]


def test_a_collector_that_gets_no_list_wakes_nobody_and_says_so(day: Day) -> None:
    assert "HTTP 500" in day.failed_collector["message"]
    assert day.woken_by_it == []


@pytest.mark.parametrize("slug", BATCHES)
def test_each_suspension_is_ended_once_whoever_looks_and_is_killed(day: Day, slug: str) -> None:
    been = states(day, slug)
    assert been.count("Suspended") == (2 if slug == "stopped" else 1)
    assert been.count("Resuming") == been.count("Suspended")


def test_there_is_one_batch_for_each_payload_though_the_answer_to_a_creation_was_lost(day: Day) -> None:
    assert {slug: len(batches) for slug, batches in day.batches.items()} == dict.fromkeys(BATCHES, 1)
    assert provider(day.installation).posts()["images"] == len(BATCHES)


def test_the_ledger_is_the_bill_but_for_the_batch_that_could_not_be_read(day: Day) -> None:
    ledger = LedgerFile(Path(day.installation.env["PRESSRUN_STATE_DIR"]) / "ledger.sqlite")
    # A line that the provider refused is in the ledger as well, for nothing.
    entered = Counter(row.cost_usd for row in ledger.rows() if row.cost_usd)
    on_the_bill = Counter(map(billed, day.installation.provider_says("bill")))
    [lost] = day.batches["lost-files"]
    assert entered - on_the_bill == Counter()
    assert (on_the_bill - entered).total() == lost["request_counts"]["completed"] == LINES
