"""`pressrun up` as a user has it: one command, a run with its notification, the same command again, and `down`."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from tests.builders import brief_fields
from tests.live.installation import OURS, PREFECT, ROOT, until
from tests.ports import new_port
from tests.prefect_database import copy_database
from tests.routes.raw_server import RawServer, Reply, serving


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

    def ask(self, path: str, **fields: object) -> Any:
        """What the API answers to a POST."""
        user, password = self.login.split(":")
        return httpx2.post(f"{self.api}/{path}", json=fields, auth=(user, password), timeout=300).json()

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


@pytest.fixture(scope="module")
def webhook() -> Iterator[RawServer]:
    """Where notifications go."""
    with serving(lambda _asked: Reply({})) as server:
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Not up yet. Its name for the notification block is one that is made later."""
    root = tmp_path_factory.mktemp("house")
    for name in ("prefect.yaml", "flows", "tasks", "pressrun", "deployments"):
        (root / name).symlink_to(ROOT / name)
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {
        "PREFECT_HOME": str(root / "prefect"),
        "PRESSRUN_STATE_DIR": str(root / "state"),
        "PRESSRUN_SIMULATED_BATCH_SECONDS": "30",
        "PRESSRUN_NOTIFY_BLOCK": "custom-webhook/agency",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    copy_database(root / "prefect")
    house = House(root=root, env=env, port=new_port(), sites_port=new_port())
    try:
        yield house
    finally:
        for process in house.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_fresh_machine_without_a_key_is_up_and_knows_what_is_missing(house: House) -> None:
    said = house.up()
    assert "created         deployment build-site/on-demand" in said
    assert "missing         notifications: there is no block custom-webhook/agency" in said
    assert f"Open http://127.0.0.1:{house.port}" in said
    assert "runs need `simulate`" in said
    assert httpx2.get(f"http://127.0.0.1:{house.port}/").is_success
    assert httpx2.get(f"http://127.0.0.1:{house.sites_port}/").is_success


def test_up_again_changes_nothing_and_finds_its_ports_itself(house: House) -> None:
    before = house.started()
    said = house.pressrun("up")
    assert "Nothing was changed" in said
    assert f"already running Prefect server at http://127.0.0.1:{house.port}" in said
    assert house.started() == before


def test_a_site_delivered_incomplete_is_told_of_at_the_webhook(house: House, webhook: RawServer) -> None:
    with temporary_settings({PREFECT_API_URL: house.api, PREFECT_API_AUTH_STRING: house.login}):
        block = CustomWebhookNotificationBlock(
            name="agency", url=f"{webhook.base_url}/told", json_data={"text": "{{subject}}: {{body}}"}
        )
        block.save("agency")
    said = house.pressrun("setup", **house.client)
    assert said.count("created         automation") == 4

    code = house.run("short-of-money", "--watch", preference="cost", max_cost_usd=0.0536)
    assert (code, house.state_of("short-of-money")) == (1, "Incomplete")
    until(lambda: any("Delivered incomplete" in text for text in texts(webhook)))
    until(lambda: any("of the cap of $0.0536" in text for text in texts(webhook)))
    [told] = [text for text in texts(webhook) if "Delivered incomplete" in text]
    assert told.startswith("Pressrun: a site was delivered incomplete: SIMULATED: Delivered incomplete")
    assert f"http://127.0.0.1:{house.sites_port}/short-of-money/preview/index.html" in told
    assert f"http://127.0.0.1:{house.port}/runs/flow-run/" in told
    assert httpx2.get(f"http://127.0.0.1:{house.sites_port}/short-of-money/manifest.json").is_success


def texts(webhook: RawServer) -> list[str]:
    return [json.loads(asked.body)["text"] for asked in webhook.asked]


def test_down_ends_everything_even_a_run_that_waits_and_leaves_the_data(house: House) -> None:
    assert house.run("waits") == 0
    until(lambda: house.state_of("waits") == "Running")
    said = house.pressrun("down")
    assert said.count("stopped") >= 3
    assert house.processes() == []
    assert (house.root / "prefect" / "prefect.db").exists()
    assert (house.root / "sites" / "short-of-money" / "manifest.json").exists()
    assert house.pressrun("down").count("not running") == 3
