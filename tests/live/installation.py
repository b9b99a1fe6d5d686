"""A Prefect server with our deployments and a worker for them, set up as the README says, each a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import patience
from tests.builders import brief_fields
from tests.patience import HANG, get, post
from tests.ports import new_port
from tests.prefect_database import copy_database

__all__ = ["ENDED", "ROOT", "Installation", "installed", "served_by_simulator", "until"]

ROOT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
RUN_ID = "PREFECT__FLOW_RUN_ID="
"""How Prefect tells a process which flow run it is to execute."""
PAUSE = 60
"""Seconds between two looks at a command that goes on."""
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
"""Types of final states."""
until = partial(patience.until, pause=0.5)
"""Looks twice a second, because each look asks a server."""
OURS = ("PREFECT_", "PRESSRUN_", "OPENAI_")


@dataclass(frozen=True)
class Installation:
    """A Prefect server with our deployment and a worker for it."""

    env: dict[str, str]
    out: Path
    folder: Path
    project: Path = ROOT
    """The folder with prefect.yaml; the flows run in it."""

    def prefect(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command in the project folder.

        On a busy server Prefect's `--watch` may miss the event of a run's end and wait for ever; then the run itself
        tells how it ended.
        """
        command, looks_after_end = [*PREFECT, *words], 0
        with subprocess.Popen(
            command, cwd=self.project, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            for _ in range(HANG // PAUSE):
                with suppress(subprocess.TimeoutExpired):
                    output, errors = process.communicate(timeout=PAUSE)
                    return subprocess.CompletedProcess(command, process.returncode, output, errors)
                looks_after_end += "--watch" in words and self.newest_run()["state_type"] in ENDED
                if looks_after_end > 1:
                    break
            process.kill()
            output, errors = process.communicate()
        assert looks_after_end > 1, output + errors
        return subprocess.CompletedProcess(command, int(self.newest_run()["state_type"] != "COMPLETED"), output, errors)

    def newest_run(self) -> dict[str, Any]:
        newest: dict[str, Any] = self.api("flow_runs/filter", sort="EXPECTED_START_TIME_DESC", limit=1)[0]
        return newest

    def read(self, *words: str) -> Any:
        """What a command of Prefect lists as JSON."""
        answer = self.prefect(*words, "--output", "json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def build(self, brief: dict[str, Any], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the deployment in simulation and watch it to its end."""
        parameters = {"brief": brief, "simulate": True, "out": str(self.out), "poll_seconds": 0.5, **options}
        return self.prefect("deployment", "run", "build-site/on-demand", "--params", json.dumps(parameters), "--watch")

    def worker(self, name: str = "first", **settings: str) -> AbstractContextManager[Path]:
        """A worker of the pool, until the block ends; `settings` are its own."""
        command = [*PREFECT, "worker", "start", "--pool", "pressrun", "--name", name]
        return running(command, self.folder, self.env | settings)

    def workers(self, name: str) -> list[int]:
        """Processes of the worker of this name, without the flows that it runs."""
        command = f"--name\0{name}\0".encode()
        return [pid for pid, run in self._processes() if run is None and command in _read(pid, "cmdline")]

    def flow_processes(self) -> dict[int, str]:
        """Processes that run a flow, each with the id of its run."""
        return {pid: run for pid, run in self._processes() if run is not None}

    def end_flows(self) -> None:
        """Kill every process that runs a flow; a worker that is killed leaves its own behind."""
        for pid in self.flow_processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _processes(self) -> Iterator[tuple[int, str | None]]:
        """Processes of this installation, each with the id of the flow run that it belongs to."""
        address = f"PREFECT_API_URL={self.env['PREFECT_API_URL']}"
        for entry in Path("/proc").iterdir():
            variables = _read(int(entry.name), "environ").decode(errors="replace") if entry.name.isdigit() else ""
            if address in (names := variables.split("\0")):
                runs = [name.removeprefix(RUN_ID) for name in names if name.startswith(RUN_ID)]
                yield int(entry.name), runs[0] if runs else None

    def batches(self) -> list[Any]:
        """The provider's batches."""
        key = {"Authorization": f"Bearer {self.env['OPENAI_API_KEY']}"}
        listed: list[Any] = get(f"{self.env['OPENAI_BASE_URL']}/batches?limit=100", headers=key).json()["data"]
        return listed

    def start(self, slug: str, **options: Any) -> None:
        """Start a small site without waiting for it."""
        brief = brief_fields(name=slug, slug=slug, domain=f"{slug}.example", pages=["Home"], image_count=1)
        parameters = {"brief": brief, "out": str(self.out), "poll_seconds": 0.5, **options}
        deployment = get(f"{self.env['PREFECT_API_URL']}/deployments/name/build-site/on-demand").json()
        self.api(f"deployments/{deployment['id']}/create_flow_run", parameters=parameters)

    def api(self, path: str, **fields: Any) -> Any:
        """What Prefect's API answers to a POST; asked again while SQLite is locked (503), as Prefect's client does."""
        answers: list[httpx2.Response] = []

        def is_answered() -> bool:
            answers.append(post(f"{self.env['PREFECT_API_URL']}/{path}", json=fields))
            return answers[-1].status_code != 503

        until(is_answered, pause=3)
        assert answers[-1].is_success, answers[-1].text
        return answers[-1].json()

    def runs(self) -> list[Any]:
        """The sites' runs; a run gets its name when it starts."""
        return [run for run in self.api("flow_runs/filter", limit=200) if run["name"].startswith("build-site / ")]

    def states(self) -> dict[str, str]:
        """What became of the sites' runs, by slug."""
        return {run["name"].removeprefix("build-site / "): run["state_name"] for run in self.runs()}

    def provider_says(self, what: str) -> Any:
        """What the simulator behind the installation tells of itself: `stats`, `bill`."""
        return get(self.env["OPENAI_BASE_URL"].replace("/v1", f"/simulator/{what}")).json()

    def run(self, slug: str) -> Any:
        """The one flow run of a site."""
        [run] = [run for run in self.runs() if run["name"] == f"build-site / {slug}"]
        return run

    def artifact(self, key: str) -> Any:
        """The only version of an artifact."""
        [artifact] = self.read("artifact", "inspect", key)
        return artifact


def _read(pid: int, what: str) -> bytes:
    """What the system tells of a process; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


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
    for sign, seconds in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sign)
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def wait_for_server(port: int, log: Path) -> None:
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


@contextmanager
def installed(folder: Path, project: Path = ROOT, **settings: str) -> Iterator[Installation]:
    """Server, pool, deployments and worker; it is started elsewhere, so only the pull step leads it to the flow.

    Schedules are off: a test starts what it wants started.
    """
    port = new_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PRESSRUN_STATE_DIR": str(folder / "state"),
        "PRESSRUN_SIMULATED_BATCH_SECONDS": "1",
        **settings,
    }
    installation = Installation(env=env, out=folder / "sites", folder=folder, project=project)
    copy_database(folder / "prefect")
    with running([*PREFECT, "server", "start", "--port", str(port)], folder, env) as log:
        wait_for_server(port, log)
        for words in (["work-pool", "create", "--type", "process", "pressrun"], ["deploy", "--all"]):
            answer = installation.prefect(*words)
            assert answer.returncode == 0, answer.stdout + answer.stderr
        try:
            with installation.worker():
                yield installation
        finally:
            installation.end_flows()


@contextmanager
def served_by_simulator(folder: Path, *, batch_seconds: float, **settings: str) -> Iterator[Installation]:
    """An installation whose provider is a simulator in a process of its own."""
    port = new_port()
    serve = [sys.executable, "-m", "pressrun", "simulate", "--batch-seconds", str(batch_seconds), "--port", str(port)]
    provider = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "sk-simulated"}
    with running(serve, folder, {**os.environ, "PRESSRUN_STATE_DIR": str(folder / "provider")}) as log:
        wait_for_server(port, log)
        with installed(folder, **provider, PRESSRUN_LIST_LAG="0.5", **settings) as installation:
            yield installation
