"""What waiting costs: deployed runs that wait for batches, polling and suspended, on SQLite and on PostgreSQL.

    python -m benchmarks.waiting [--runs 20] [--batch-seconds 900] [--mode poll|suspend] [--database sqlite|postgres]

Invariant: the runs are real ones (Prefect server, worker, simulator, each a process of its own), and they are counted
only when all of them wait at once. Then everything but the server and the provider is killed at the same moment, and a
worker is started again; the collector finds the runs (with heartbeats of 120 s, after eight minutes). Exit code 1
unless every run completes, with one batch each and nothing bought twice.
"""

import json
import os
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from pressrun.costs.ledgerfile import LedgerFile
from tests.live.installation import Installation, served_by_simulator, until
from tests.live.postgres import postgres, why_no_postgres

AT_ONCE = 4
"""Runs that are started together; with more, a loaded SQLite server makes the worker give up on some (503)."""
PATIENCE = {"seconds": 3600, "pause": 5}
"""For each stage on a slow machine."""
BOUGHT = ("POST /v1/batches", "POST /v1/chat/completions", "POST /v1/images/generations")
"""Each site takes one of each: its configuration and its only image in real time, the rest by batch."""
ENDED = {"completed", "failed", "expired", "cancelled"}


def main(arguments: Sequence[str]) -> int:
    """Measure each mode on each database and print a line for each."""
    parser = ArgumentParser(description="What waiting costs.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--batch-seconds", type=float, default=900, help="long enough for all runs to come to wait")
    parser.add_argument("--mode", choices=["poll", "suspend"], action="append")
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    options = parser.parse_args(arguments)
    faults = []
    for database in options.database or ["sqlite", "postgres"]:
        for mode in options.mode or ["suspend", "poll"]:
            faults += measured(mode, database, options.runs, options.batch_seconds)
    for fault in faults:
        say(f"FAULT: {fault}")
    return 1 if faults else 0


def measured(mode: str, database: str, runs: int, batch_seconds: float) -> list[str]:
    """One mode on one database; returns what was not as it should be."""
    with installation_on(database, batch_seconds) as installation:
        began = time.monotonic()
        waiting = start_all(installation, mode, runs)
        under_way = sum(batch["status"] not in ENDED for batch in installation.batches())
        say(
            f"{database}, {mode}: all {runs} wait after {time.monotonic() - began:.0f} s, {under_way} batches under "
            f"way: {len(waiting)} processes, {megabytes(waiting):.0f} MB PSS; "
            f"the worker {megabytes(installation.workers('first')):.0f} MB"
        )
        kill_all(installation)
        say(f"{database}, {mode}: killed the worker, the collector and every flow process")
        with installation.worker("again"):
            until(lambda: set(installation.states().values()) == {"Completed"}, **PATIENCE)
        say(f"{database}, {mode}: all {runs} completed after {time.monotonic() - began:.0f} s")
        faults = [] if under_way == runs else [f"only {under_way} batches were in progress; give them more seconds"]
        return [f"{database}, {mode}: {fault}" for fault in faults + bought_otherwise(installation, runs)]


@contextmanager
def installation_on(database: str, batch_seconds: float) -> Iterator[Installation]:
    """A server on the database, with its schedules, so that the collector comes by itself."""
    reason = why_no_postgres() if database == "postgres" else None
    if reason:
        sys.exit(reason)
    server = postgres() if database == "postgres" else nullcontext("")
    with tempfile.TemporaryDirectory(prefix="pressrun-waiting-") as folder, server as address:
        settings = {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "true", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "120"}
        if address:
            settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = address
        with served_by_simulator(Path(folder), batch_seconds=batch_seconds, **settings) as installation:
            yield installation


def start_all(installation: Installation, mode: str, runs: int) -> set[int]:
    """Start the runs and wait until all of them wait; returns the processes of those that have one."""
    for begun in range(0, runs, AT_ONCE):
        for number in range(begun, min(begun + AT_ONCE, runs)):
            installation.start(f"site-{number:02d}", wait=mode, poll_seconds=5)
        until(partial(all_wait, installation, mode, min(begun + AT_ONCE, runs)), **PATIENCE)
    return site_processes(installation)


def all_wait(installation: Installation, mode: str, runs: int) -> bool:
    """Whether so many runs wait for their batch, the suspended ones without a process."""
    if mode == "poll":
        return len(installation.batches()) == runs
    return list(installation.states().values()) == ["Suspended"] * runs and not site_processes(installation)


def site_processes(installation: Installation) -> set[int]:
    """Processes of the sites' runs; the collector's come and go."""
    runs = {run["id"] for run in installation.runs()}
    return {pid for pid, run in installation.flow_processes().items() if run in runs}


def megabytes(pids: Iterable[int]) -> float:
    """Proportional set size of processes, together: what they share is counted once."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def kill_all(installation: Installation) -> None:
    """Kill the worker and all its flow processes: the collector, and polling runs."""
    for pid in installation.workers("first"):
        os.kill(pid, signal.SIGKILL)
    installation.end_flows()


def bought_otherwise(installation: Installation, runs: int) -> list[str]:
    """What was not bought exactly once for each site, by the provider's own counts, bill and the sites' manifests."""
    asked: Any = installation.provider_says("stats")
    faults = [f"{what}: {asked.get(what, 0)} for {runs} sites" for what in BOUGHT if asked.get(what, 0) != runs]
    billed = len(installation.provider_says("bill"))
    entered = len(list(LedgerFile(Path(installation.env["PRESSRUN_STATE_DIR"]) / "ledger.sqlite").rows()))
    if billed != entered:
        faults.append(f"the provider billed {billed} calls, the ledger has {entered}")
    manifests = [json.loads(path.read_text()) for path in installation.out.glob("*/manifest.json")]
    complete = sum(manifest["complete"] for manifest in manifests)
    say(f"  {billed} calls billed and in the ledger, {asked.get(BOUGHT[0])} batches, {complete} complete bundles")
    return faults if complete == runs else [*faults, f"{complete} of {runs} bundles are complete"]


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
