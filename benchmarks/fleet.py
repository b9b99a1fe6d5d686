"""What a fleet costs on the simulator with a real Prefect server: batches, complete bundles, CPU time and memory.

`python -m benchmarks.fleet --sites 50 200` prints a row for each size and ends with 1 when one of these is missed:

- one text batch for every 50,000 calls, so one, and every bundle complete;
- orchestration (all CPU of the fleet's process but that of the content itself) below 0.5 s a site;
- the peak memory of the largest fleet within 100 MB of that of the smallest.

`Prefect alone` is what as many subflows with as many tasks take that do nothing (`benchmarks.bare_prefect`).

The simulator and the Prefect server are processes of their own, whose time is not counted.
"""

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 0.5
MOST_MB = 100.0
BARE = 20
"""Subflows by which Prefect alone is measured."""
OURS = ("PREFECT_", "PRESSRUN_", "OPENAI_")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, env: dict[str, str], log: Path) -> Iterator[None]:
    """A server in a process of its own, from when it takes connections until the block ends."""
    with log.open("w") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                if process.poll() is not None:
                    raise SystemExit(log.read_text())
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(20)


def measured(sites: int, images: int, folder: Path) -> dict[str, Any]:
    """One fleet on servers of its own."""
    provider, prefect = free_port(), free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
        "PRESSRUN_STATE_DIR": str(folder / "state"),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1",
        "OPENAI_API_KEY": "sk-simulated",
    }
    python, out = [sys.executable, "-m"], folder / "sites"
    simulate = [*python, "pressrun", "simulate", "--port", str(provider), "--state", str(folder / "provider")]
    serve = [*python, "prefect", "server", "start", "--port", str(prefect)]
    with (
        serving(simulate, provider, env, folder / "simulator.log"),
        serving(serve, prefect, env, folder / "server.log"),
    ):
        began = time.perf_counter()
        run = [*python, "benchmarks.fleet_run", str(sites), str(images), str(out)]
        done = subprocess.run(run, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
        wall = time.perf_counter() - began
        stats = httpx2.get(f"http://127.0.0.1:{provider}/simulator/stats").json()
        tasks = round(httpx2.post(f"{env['PREFECT_API_URL']}/task_runs/count", json={}).json() / sites)
        bare = [*python, "benchmarks.bare_prefect", str(BARE), str(tasks)]
        alone = subprocess.run(bare, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    accounts = [json.loads(path.read_text()) for path in out.glob("*/manifest.json")]
    return json.loads(done.stdout.splitlines()[-1]) | {
        "sites": sites,
        "wall": wall,
        "tasks": tasks,
        "bare": float(alone.stdout),
        "batches": stats.get("POST /v1/batches", 0),
        "complete": sum(account["complete"] for account in accounts),
    }


def orchestration(one: dict[str, Any]) -> float:
    """CPU seconds a site."""
    return float(one["cpu"] - one["content"]) / one["sites"]


def misses(measurements: list[dict[str, Any]]) -> list[str]:
    """What is not as it should be, in words."""
    smallest, largest = measurements[0], measurements[-1]
    found = [f"{one['sites']} sites: {one['batches']} batches" for one in measurements if one["batches"] != 1]
    found += [
        f"{one['sites']} sites: {one['complete']} complete" for one in measurements if one["complete"] != one["sites"]
    ]
    found += [
        f"{one['sites']} sites: {orchestration(one):.2f} s of CPU a site"
        for one in measurements
        if orchestration(one) >= MOST_SECONDS
    ]
    if largest["peak"] - smallest["peak"] > MOST_MB:
        found.append(f"{largest['peak'] - smallest['peak']:.0f} MB more for the larger fleet")
    return found


def table(measurements: list[dict[str, Any]]) -> Table:
    shown = Table(title=f"build-fleet in one process, CPU s a site, {platform.machine()}, {os.cpu_count()} cores")
    columns = ("sites", "batches", "complete", "minutes", "orchestration", "Prefect alone", "content", "peak MB")
    for name in columns:
        shown.add_column(name, justify="right")
    for one in measurements:
        shown.add_row(
            str(one["sites"]),
            str(one["batches"]),
            str(one["complete"]),
            f"{one['wall'] / 60:.1f}",
            f"{orchestration(one):.2f}",
            f"{one['bare']:.2f}",
            f"{one['content'] / one['sites']:.2f}",
            f"{one['peak']:.0f}",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--images", type=int, default=13)
    options = parser.parse_args()
    measurements = []
    for sites in options.sites:
        with tempfile.TemporaryDirectory(prefix="pressrun-fleet-") as folder:
            measurements.append(measured(sites, options.images, Path(folder)))
    console = Console()
    console.print(table(measurements))
    for miss in misses(measurements):
        console.print(f"[red]missed[/]: {miss}")
    sys.exit(bool(misses(measurements)))


if __name__ == "__main__":
    main()
