"""`pressrun up` in a folder of its own, as a user has it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.builders import brief_fields
from tests.live.installation import OURS, PREFECT, ROOT
from tests.patience import get, post
from tests.ports import new_port
from tests.prefect_database import copy_database

__all__ = ["House", "a_house"]


@dataclass(frozen=True)
class House:
    """A checkout of its own, so that its sites are, with a home and a state for it."""

    root: Path
    env: dict[str, str]
    port: int
    sites_port: int

    def pressrun(self, *words: str, **environment: str) -> str:
        """What the command says; it must succeed."""
        command, env = [sys.executable, "-m", "pressrun", *words], {**self.env, **environment}
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self) -> str:
        return self.pressrun("up", "--port", str(self.port), "--sites-port", str(self.sites_port))

    def run(self, slug: str, *words: str, **parameters: object) -> int:
        """Start a small simulated site; returns the command's exit code."""
        brief = brief_fields(name=slug, slug=slug, pages=["Home"], image_count=2)
        given = json.dumps({"brief": brief, "simulate": True, "poll_seconds": 0.5, **parameters})
        command = [*PREFECT, "deployment", "run", "build-site/on-demand", "--params", given, *words]
        env = {**self.env, **self.client}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, check=False).returncode

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def login(self) -> str:
        return (self.root / "state" / "up" / "login").read_text().strip()

    @property
    def client(self) -> dict[str, str]:
        """The environment of a command that uses the server."""
        return {"PREFECT_API_URL": self.api, "PREFECT_API_AUTH_STRING": self.login}

    def get(self, path: str) -> Any:
        """What the API answers to a GET."""
        user, password = self.login.split(":")
        return get(f"{self.api}/{path}", auth=(user, password)).json()

    def ask(self, path: str, **fields: object) -> Any:
        """What the API answers to a POST."""
        user, password = self.login.split(":")
        return post(f"{self.api}/{path}", json=fields, auth=(user, password)).json()

    def state_of(self, slug: str) -> str:
        runs = self.ask("flow_runs/filter")
        return next((run["state_name"] for run in runs if run["name"] == f"build-site / {slug}"), "")

    def started(self) -> dict[str, str]:
        """What the files of the processes say."""
        return {file.name: file.read_text() for file in (self.root / "state" / "up").glob("*.json")}

    def processes(self) -> list[psutil.Process]:
        """Everything that runs with this house's home."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("PREFECT_HOME") == self.env["PREFECT_HOME"]:
                    found.append(process)
        return found


@contextmanager
def a_house(root: Path, **settings: str) -> Iterator[House]:
    """Not up yet; whatever runs is ended with the block."""
    for name in ("prefect.yaml", "flows", "tasks", "pressrun", "deployments"):
        (root / name).symlink_to(ROOT / name)
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {
        "PREFECT_HOME": str(root / "prefect"),
        "PRESSRUN_STATE_DIR": str(root / "state"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        **settings,
    }
    copy_database(root / "prefect")
    house = House(root=root, env=env, port=new_port(), sites_port=new_port())
    try:
        yield house
    finally:
        for process in house.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
