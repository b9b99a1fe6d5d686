"""The deployment as people use it: server, pool, worker and the command `prefect`, each a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.builders import brief_fields

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
OURS = ("PREFECT_", "PRESSRUN_", "OPENAI_")


@dataclass(frozen=True)
class Installation:
    """A Prefect server with our deployment and a worker for it."""

    env: dict[str, str]
    out: Path

    def prefect(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command at the project root."""
        return subprocess.run(
            [*PREFECT, *words], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=100, check=False
        )

    def read(self, *words: str) -> Any:
        """What a command of Prefect lists as JSON."""
        answer = self.prefect(*words, "--output", "json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def build(self, brief: dict[str, Any], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the deployment in simulation and watch it to its end."""
        parameters = {"brief": brief, "simulate": True, "out": str(self.out), "poll_seconds": 0.5, **options}
        return self.prefect("deployment", "run", "build-site/on-demand", "--params", json.dumps(parameters), "--watch")

    def run(self, slug: str) -> Any:
        """The one flow run of a site."""
        [run] = [run for run in self.read("flow-run", "ls") if run["name"] == f"build-site / {slug}"]
        return run

    def artifact(self, key: str) -> Any:
        """The only version of an artifact."""
        [artifact] = self.read("artifact", "inspect", key)
        return artifact


@contextmanager
def running(command: list[str], cwd: Path, env: dict[str, str]) -> Iterator[Path]:
    """A process in a group of its own, ended with all its children; gives its log."""
    log = cwd / f"{command[-1]}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield log
        finally:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask politely, then do not."""
    for sign, patience in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sign)
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_server(port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Set up as the README says; the worker is started elsewhere, so only the pull step leads it to the flow."""
    folder = tmp_path_factory.mktemp("installation")
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PRESSRUN_STATE_DIR": str(folder / "state"),
        "PRESSRUN_SIMULATED_BATCH_SECONDS": "1",
    }
    installed = Installation(env=env, out=folder / "sites")
    with running([*PREFECT, "server", "start", "--port", str(port)], folder, env) as log:
        wait_for_server(port, log)
        for words in (["work-pool", "create", "--type", "process", "pressrun"], ["deploy", "--all"]):
            answer = installed.prefect(*words)
            assert answer.returncode == 0, answer.stdout + answer.stderr
        with running([*PREFECT, "worker", "start", "--pool", "pressrun"], folder, env):
            yield installed


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
