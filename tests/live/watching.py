"""What live tests ask while they wait, of Prefect's API and of the provider; a command for each would cost seconds."""

import json
import os
import signal
from collections.abc import Collection
from typing import Any

from tests.live.installation import ENDED, Installation, until
from tests.patience import get
from tests.provider import Server

__all__ = [
    "LINES",
    "account",
    "batch_of",
    "batches_of",
    "cancel_as_the_ui_does",
    "collect",
    "has_come_to",
    "history",
    "kill",
    "log_of",
    "provider",
    "run_of",
    "runs_of",
    "start_collector",
    "wait_for",
]

LINES = 6 + 1 + 1
"""Calls of a small site's merged batch: articles, the pack of descriptions, the pack of meta tags."""


def provider(installation: Installation) -> Server:
    """The simulator behind an installation."""
    return Server(installation.env["OPENAI_BASE_URL"])


def start_collector(installation: Installation) -> str:
    """Start a run of the collector without waiting for it; returns its id."""
    deployment = ask(installation, "deployments/name/collect-batches/every-2-minutes")
    return str(installation.api(f"deployments/{deployment['id']}/create_flow_run")["id"])


def collect(installation: Installation, ends_as: str = "COMPLETED") -> Any:
    """Run the collector until it ends as it should; returns its final state."""
    path = f"flow_runs/{start_collector(installation)}"
    until(lambda: ask(installation, path)["state"]["type"] in ENDED)
    state = ask(installation, path)["state"]
    assert state["type"] == ends_as, state
    return state


def runs_of(installation: Installation, slug: str) -> list[Any]:
    """The runs of a site, oldest first; a run gets its name when it starts."""
    found = [run for run in installation.runs() if run["name"] == f"build-site / {slug}"]
    return sorted(found, key=lambda run: str(run["created"]))


def run_of(installation: Installation, slug: str) -> Any:
    """The only one."""
    [run] = runs_of(installation, slug)
    return run


def has_come_to(installation: Installation, slug: str, *states: str) -> bool:
    """Whether the runs of a site, oldest first, are in these states."""
    return [run["state"]["name"] for run in runs_of(installation, slug)] == list(states)


def wait_for(installation: Installation, slug: str, *states: str) -> None:
    until(lambda: has_come_to(installation, slug, *states))


def history(installation: Installation, run: Any) -> list[str]:
    """The states that a run has been in, oldest first."""
    states = ask(installation, f"flow_run_states/?flow_run_id={run['id']}")
    return [state["name"] for state in sorted(states, key=lambda state: str(state["timestamp"]))]


def log_of(installation: Installation, run: Any) -> str:
    """All that a run has logged, in a line."""
    lines = installation.api("logs/filter", logs={"flow_run_id": {"any_": [run["id"]]}})
    return " ".join(line["message"] for line in lines)


def cancel_as_the_ui_does(installation: Installation, run: Any) -> None:
    """The request of the button of both UIs, which forces the state."""
    state = {"type": "CANCELLING", "name": "Cancelling"}
    installation.api(f"flow_runs/{run['id']}/set_state", state=state, force=True)


def batches_of(installation: Installation, slug: str) -> list[Any]:
    """The batches of a site at the provider, newest first."""
    return [batch for batch in installation.batches() if batch["metadata"]["sites"] == slug]


def batch_of(installation: Installation, slug: str) -> Any:
    """The only one."""
    [batch] = batches_of(installation, slug)
    return batch


def account(installation: Installation, slug: str) -> Any:
    """The manifest of a site that was delivered."""
    return json.loads((installation.out / slug / "manifest.json").read_text())


def kill(pids: Collection[int]) -> None:
    """SIGKILL to each process; there must be at least one."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def ask(installation: Installation, path: str) -> Any:
    """What Prefect's API answers to a GET."""
    answer = get(f"{installation.env['PREFECT_API_URL']}/{path}")
    assert answer.is_success, answer.text
    return answer.json()
