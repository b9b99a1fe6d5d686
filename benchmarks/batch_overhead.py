"""What Pressrun's care costs: CPU time and memory of a batch, against a bare openai + json script.

`python -m benchmarks.batch_overhead` prints two ratios and ends with 1 when one of them misses its target:

- the CPU time of 10,000 requests through build, upload, poll, harvest, validate and ledger, at most 2x that of
  `bare_script.py`, which does the same traffic in the same run and only parses and adds up;
- the peak memory at 50,000 requests, within 100 MB of that at 500.

To validate is to parse a reply as the step's pydantic model. The step's checks of prose (length, language, debris) are
in a row of their own: they are regular expressions over every word, and the bare script has nothing like them.

Both talk to `echo_server.py`, whose time is not counted. Imports are not in the ratio; they are shown. Every
measurement is a process of its own; the two take turns, and medians are compared.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.echo_server import INPUT_TOKENS, OUTPUT_TOKENS, article_text
from benchmarks.pressrun_script import ARTICLES, a_project
from pressrun.batchfile import request_line

MOST_TIMES = 2.0
MOST_MB = 100.0
ROOT = Path(__file__).parent.parent


def write_plan(folder: Path) -> int:
    """The bare script's texts, which are those that Pressrun asks with; returns the bytes of one request."""
    order = a_project().order(0)
    calls = ARTICLES.calls(order)
    body = calls[0].body
    system, context, _ = (message["content"] for message in body["messages"])
    plan = {
        "model": body["model"],
        "site": order.brief.slug,
        "system": system,
        "context": context,
        "tasks": [call.body["messages"][-1]["content"] for call in calls],
        "parameters": {name: value for name, value in body.items() if name not in ("model", "messages")},
    }
    (folder / "plan.json").write_text(json.dumps(plan), "utf-8")
    return len(request_line(calls[0]))


@contextmanager
def a_server() -> Iterator[str]:
    """An echo server in a process of its own; its address."""
    command = [sys.executable, "-m", "benchmarks.echo_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def measure(script: str, requests: int, *options: str) -> dict[str, Any]:
    """Run one script once, with a server and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, a_server() as url:
        write_plan(Path(folder))
        command = [sys.executable, "-m", f"benchmarks.{script}", url, folder, str(requests), *options]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    took: dict[str, Any] = json.loads(done.stdout)
    if took["articles"] != requests or took["tokens"] != requests * (INPUT_TOKENS + OUTPUT_TOKENS):
        raise SystemExit(f"{script} did other work than it was given: {took}")
    return took


def main() -> int:
    """Measure, print, and say whether both targets are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="for the CPU time")
    parser.add_argument("--repeats", type=int, default=3, help="of each script")
    parser.add_argument("--small", type=int, default=500, help="requests for the lower peak of memory")
    parser.add_argument("--large", type=int, default=50_000, help="requests for the higher one")
    asked = parser.parse_args()
    runs = [(measure("bare_script", asked.requests), measure("pressrun_script", asked.requests))
            for _ in range(asked.repeats)]  # fmt: skip
    bare, ours = zip(*runs, strict=True)
    small, large = measure("pressrun_script", asked.small), measure("pressrun_script", asked.large)
    checked = measure("pressrun_script", asked.requests, "--check-prose")
    times = median(run["cpu"] for run in ours) / median(run["cpu"] for run in bare)
    more = large["peak"] - small["peak"]

    console = Console(width=110)
    table = Table("", "requests", "CPU s", "each", "wall s", "imports s", "peak MB")
    for name, requests, measured in (
        ("bare openai + json", asked.requests, bare),
        ("Pressrun", asked.requests, ours),
        ("Pressrun, prose checked too", asked.requests, [checked]),
        ("Pressrun, few", asked.small, [small]),
        ("Pressrun, many", asked.large, [large]),
    ):
        cpu, wall, imports, peak = (median(run[key] for run in measured) for key in ("cpu", "wall", "imports", "peak"))
        each = f"{cpu / requests * 1e6:.0f} µs"
        table.add_row(name, f"{requests:,}", f"{cpu:.2f}", each, f"{wall:.1f}", f"{imports:.2f}", f"{peak:.0f}")
    console.print(table)
    with tempfile.TemporaryDirectory() as folder:
        size = write_plan(Path(folder))
    console.print(
        f"{size / 1000:.1f} KB a request, {len(article_text().encode()) / 1000:.1f} KB an article; medians of "
        f"{asked.repeats}; Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    )
    console.print(f"CPU time ratio: {times:.2f} (at most {MOST_TIMES:.2f}): {_verdict(times <= MOST_TIMES)}")
    console.print(
        f"Peak memory ratio: {large['peak'] / small['peak']:.2f}, which is {more:+.0f} MB "
        f"(at most +{MOST_MB:.0f} MB): {_verdict(more <= MOST_MB)}"
    )
    return 0 if times <= MOST_TIMES and more <= MOST_MB else 1


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
