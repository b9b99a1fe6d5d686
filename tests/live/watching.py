"""What live tests ask while they wait, of Prefect's API and of the provider; a command for each would cost seconds."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.builders import brief_fields
from tests.flows.conftest import Server
from tests.live.installation import Installation, until

__all__ = [
    "LINES",
    "PATIENCE",
    "account",
    "batch_of",
    "batches_of",
    "cancel_as_the_ui_does",
    "collect",
    "has_come_to",
    "history",
    "kill_process_of",
    "log_of",
    "order",
    "prefect_api",
    "processes_of",
    "provider",
    "run_of",
    "runs_of",
    "start_collector",
    "wait_for",
]

LINES = 6 + 1 + 1
"""Calls of a small site's merged batch: articles, the pack of descriptions, the pack of meta tags."""
PATIENCE = 240.0
"""Seconds; a process takes ten times as long to start on a machine that is busy with other tests."""


def provider(installation: Installation) -> Server:
    """The simulator behind an installation."""
    return Server(installation.env["OPENAI_BASE_URL"])


def prefect_api(installation: Installation, method: str, path: str, **body: Any) -> Any:
    """What Prefect's API answers. While SQLite is busy that is 503, and nothing was done."""
    url = installation.env["PREFECT_API_URL"] + path
    for pause in (1, 2, 4, 8, 0):
        reply = httpx2.request(method, url, json=body if method == "POST" else None, timeout=PATIENCE)
        if reply.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(pause)
    reply.raise_for_status()
    return reply.json()


def order(installation: Installation, slug: str, **options: Any) -> None:
    """Start a small site without waiting for it."""
    brief = brief_fields(name=slug, slug=slug, domain=f"{slug}.example", pages=["Home"], image_count=1)
    parameters = {"brief": brief, "out": str(installation.out), "poll_seconds": 0.5, **options}
    _start(installation, "build-site/on-demand", parameters=parameters)


def start_collector(installation: Installation) -> str:
    """Start a run of the collector without waiting for it; returns its id."""
    return str(_start(installation, "collect-batches/every-2-minutes")["id"])


def _start(installation: Installation, deployment: str, **body: Any) -> Any:
    found = prefect_api(installation, "GET", f"/deployments/name/{deployment}")
    return prefect_api(installation, "POST", f"/deployments/{found['id']}/create_flow_run", **body)


def collect(installation: Installation) -> Any:
    """Run the collector to its end; returns the state that it came to."""
    run_id = start_collector(installation)
    ended = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

    def state() -> Any:
        return prefect_api(installation, "GET", f"/flow_runs/{run_id}")["state"]

    until(lambda: state()["type"] in ended, PATIENCE)
    return state()


def runs_of(installation: Installation, slug: str) -> list[Any]:
    """The runs of a site, oldest first; a run gets its name when it starts."""
    wanted = {"name": {"any_": [f"build-site / {slug}"]}}
    found = prefect_api(installation, "POST", "/flow_runs/filter", flow_runs=wanted)
    return sorted(found, key=lambda run: str(run["created"]))


def run_of(installation: Installation, slug: str) -> Any:
    """The only one."""
    [run] = runs_of(installation, slug)
    return run


def has_come_to(installation: Installation, slug: str, *states: str) -> bool:
    """Whether the runs of a site, oldest first, are in these states."""
    return [run["state"]["name"] for run in runs_of(installation, slug)] == list(states)


def wait_for(installation: Installation, slug: str, *states: str) -> None:
    until(lambda: has_come_to(installation, slug, *states), PATIENCE)


def history(installation: Installation, run: Any) -> list[str]:
    """The states that a run has been in, oldest first."""
    states = prefect_api(installation, "GET", f"/flow_run_states/?flow_run_id={run['id']}")
    return [state["name"] for state in sorted(states, key=lambda state: str(state["timestamp"]))]


def log_of(installation: Installation, run: Any) -> str:
    """All that a run has logged, in a line."""
    wanted = {"flow_run_id": {"any_": [run["id"]]}}
    return " ".join(line["message"] for line in prefect_api(installation, "POST", "/logs/filter", logs=wanted))


def cancel_as_the_ui_does(installation: Installation, run: Any) -> None:
    """The request of the button of both UIs, which forces the state."""
    state = {"type": "CANCELLING", "name": "Cancelling"}
    prefect_api(installation, "POST", f"/flow_runs/{run['id']}/set_state", state=state, force=True)


def batches_of(installation: Installation, slug: str) -> list[Any]:
    """The batches of a site at the provider, newest first."""
    return [batch for batch in provider(installation).list_batches() if batch["metadata"]["sites"] == slug]


def batch_of(installation: Installation, slug: str) -> Any:
    """The only one."""
    [batch] = batches_of(installation, slug)
    return batch


def account(installation: Installation, slug: str) -> Any:
    """The manifest of a site that was delivered."""
    return json.loads((installation.out / slug / "manifest.json").read_text())


def processes_of(installation: Installation, *, command: bytes = b"", environment: bytes = b"") -> list[int]:
    """Processes of this installation with this in their command line and their environment."""
    home, found = f"PREFECT_HOME={installation.env['PREFECT_HOME']}\0".encode(), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and command in (entry / "cmdline").read_bytes():
                has = (entry / "environ").read_bytes()
                found += [int(entry.name)] if home in has and environment in has else []
        except OSError:
            continue
    return found


def kill_process_of(installation: Installation, **which: bytes) -> None:
    """SIGKILL."""
    for pid in processes_of(installation, **which):
        os.kill(pid, signal.SIGKILL)
