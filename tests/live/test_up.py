"""`pressrun up` as a user has it: one command, a run with its notification, the same command again, and `down`."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from tests.live.house import House, a_house
from tests.live.installation import until
from tests.patience import get
from tests.routes.raw_server import RawServer, Reply, serving


@pytest.fixture(scope="module")
def webhook() -> Iterator[RawServer]:
    """Where notifications go."""
    with serving(lambda _asked: Reply({})) as server:
        yield server


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Not up yet. Its name for the notification block is one that is made later. Other users can enter its folder."""
    settings = {"PRESSRUN_SIMULATED_BATCH_SECONDS": "30", "PRESSRUN_NOTIFY_BLOCK": "custom-webhook/agency"}
    with TemporaryDirectory(prefix="pressrun-house-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with a_house(Path(folder), **settings) as house:
            yield house


def test_a_fresh_machine_without_a_key_is_up_and_knows_what_is_missing(house: House) -> None:
    said = house.up()
    assert "created         deployment build-site/on-demand" in said
    assert "missing         notifications: there is no block custom-webhook/agency" in said
    assert f"Open http://127.0.0.1:{house.port}" in said
    assert "The UI asks for a login. It is kept in state/up/login" in said
    assert house.login not in said, "the output is a pipe here, which may lead to a log"
    assert "runs need `simulate`" in said
    assert get(f"http://127.0.0.1:{house.port}/").is_success
    assert "The finished sites ask for it too" in said
    assert get(f"http://127.0.0.1:{house.sites_port}/", auth=user_of(house)).is_success


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
    assert get(f"http://127.0.0.1:{house.sites_port}/short-of-money/manifest.json", auth=user_of(house)).is_success


def user_of(house: House) -> tuple[str, str]:
    user, _, password = house.login.partition(":")
    return user, password


def texts(webhook: RawServer) -> list[str]:
    return [json.loads(asked.body)["text"] for asked in webhook.asked]


def test_the_login_is_in_no_log_and_on_no_command_line(house: House) -> None:
    for log in (house.root / "state").rglob("*.log"):
        assert house.login not in log.read_text(errors="replace"), log
    assert not [process for process in house.processes() if house.login in " ".join(process.cmdline())]


def test_what_it_keeps_is_its_owners_only(house: House) -> None:
    state = house.root / "state"
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in [state, *state.rglob("*")]}
    assert any(path.name == "ledger.sqlite" for path in found)
    assert {path: mode for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("curl"), reason="only root can act as another user")
def test_another_user_of_the_machine_reads_nothing_and_starts_nothing(house: House) -> None:
    def as_another(command: str) -> str:
        asked = ["runuser", "-u", "nobody", "--", "sh", "-c", command]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    assert "prefect.yaml" in as_another(f"ls {house.root}"), "the folder itself is open to others"
    assert as_another(f"find {house.root}/state -readable -o -executable") == ""
    assert as_another(f"cat {house.root}/state/up/login") == ""
    for process in house.processes():
        assert as_another(f"cat /proc/{process.pid}/environ") == ""
    run = f"{house.api}/deployments/{house.get('deployments/name/build-site/on-demand')['id']}/create_flow_run"
    for asked in (f"{house.api}/admin/settings", f"-d '{{}}' {house.api}/flow_runs/filter", f"-d '{{}}' {run}"):
        code = as_another(f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Content-Type: application/json' {asked}")
        assert code == "401", asked
    for path in ("", "short-of-money/", "short-of-money/manifest.json"):
        assert as_another(f"curl -s -w '%{{http_code}}' http://127.0.0.1:{house.sites_port}/{path}") == "401", path


def test_down_ends_everything_even_a_run_that_waits_and_leaves_the_data(house: House) -> None:
    assert house.run("waits") == 0
    until(lambda: house.state_of("waits") == "Running")
    said = house.pressrun("down")
    assert said.count("stopped") >= 3
    assert house.processes() == []
    assert (house.root / "prefect" / "prefect.db").exists()
    assert (house.root / "sites" / "short-of-money" / "manifest.json").exists()
    assert house.pressrun("down").count("not running") == 3


def test_up_uses_a_login_that_is_set_and_then_needs_it(house: House) -> None:
    login = {"PREFECT_SERVER_API_AUTH_STRING": "admin:pass", "PREFECT_API_AUTH_STRING": "admin:pass"}
    said = house.pressrun("up", "--port", str(house.port), "--sites-port", str(house.sites_port), **login)
    assert "started         worker for pool pressrun" in said
    assert "The UI asks for the login that is set in PREFECT_SERVER_API_AUTH_STRING" in said
    assert get(f"http://127.0.0.1:{house.sites_port}/", auth=("admin", "pass")).is_success
    asked = f"{house.api}/work_pools/pressrun"
    assert get(asked, auth=("admin", "pass")).is_success
    assert get(asked, auth=("pressrun", house.login.split(":")[1])).status_code == 401
    assert "Nothing was changed" in house.pressrun("up", **login)
    house.pressrun("down")
