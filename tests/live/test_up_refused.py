"""What stands in the way of `pressrun up`, in words; what it does is in tests/live/test_up.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pressrun.errors import Refused
from pressrun.login import Login
from pressrun.processes import end, start
from pressrun.up import House, start_sites
from tests.patience import HANG
from tests.ports import new_port
from tests.routes.raw_server import Asked, Reply, serving

ROOT = Path(__file__).parents[2]


def pressrun(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pressrun", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=HANG, check=False)


def test_a_port_that_another_program_has_is_named_with_the_way_out(tmp_path: Path) -> None:
    with serving(lambda _asked: Reply({})) as server:
        port = server.base_url.split(":")[2].split("/")[0]
        refused = pressrun("up", "--port", port, PRESSRUN_STATE_DIR=str(tmp_path))
    assert refused.returncode == 2
    assert f"Port {port} is in use by another program" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_of_ones_own_is_not_replaced(tmp_path: Path) -> None:
    theirs = {"PREFECT_API_URL": "http://prefect.example/api", "PRESSRUN_STATE_DIR": str(tmp_path)}
    refused = pressrun("up", "--port", str(new_port()), **theirs)
    assert refused.returncode == 2
    assert "PREFECT_API_URL is http://prefect.example/api" in refused.stderr
    assert "`pressrun setup`" in refused.stderr


def test_setting_up_needs_a_server(tmp_path: Path) -> None:
    refused = pressrun("setup", PREFECT_HOME=str(tmp_path))
    assert refused.returncode == 2
    assert "PREFECT_API_URL is not set" in refused.stderr


def test_a_server_that_does_not_answer_is_named() -> None:
    address = f"http://127.0.0.1:{new_port()}/api"
    refused = pressrun("setup", PREFECT_API_URL=address)
    assert refused.returncode == 2, refused.stderr
    assert f"The Prefect server at {address}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_setting_up_without_the_servers_login_says_so() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(True) if asked.path.endswith("/health") else Reply({}, status=401)

    with serving(answer) as server:
        refused = pressrun("setup", PREFECT_API_URL=server.base_url)
    assert refused.returncode == 2, refused.stderr
    assert "refused the login (HTTP 401). Nothing was spent. Set PREFECT_API_AUTH_STRING" in refused.stderr
    assert "Traceback" not in refused.stderr


def refused_up(tmp_path: Path, answer: Reply) -> str:
    """What `up` says while a server that answers everything like this counts as its own."""
    folder = tmp_path / "up"
    with serving(lambda _asked: answer) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        start(folder, "server", ["sleep", str(HANG)], cwd=tmp_path, env=os.environ, port=port)
        try:
            refused = pressrun("up", PRESSRUN_STATE_DIR=str(tmp_path))
        finally:
            end(folder, "server")
    assert refused.returncode == 2, refused.stderr
    assert "un `pressrun down`, then `pressrun up`" in refused.stderr
    return refused.stderr


def test_a_server_of_an_earlier_version_without_a_login_is_not_taken_over(tmp_path: Path) -> None:
    assert "asks for no login" in refused_up(tmp_path, Reply({}))


def test_a_server_with_another_login_is_named(tmp_path: Path) -> None:
    assert "was started with another login" in refused_up(tmp_path, Reply({}, status=401))


@pytest.mark.parametrize(("status", "said"), [(200, "asks for no login"), (401, "was started with another login")])
def test_a_server_of_the_sites_that_has_not_this_login_is_named(tmp_path: Path, status: int, said: str) -> None:
    folder = tmp_path / "up"
    with serving(lambda _asked: Reply({}, status=status)) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        login = Login(text="pressrun:secret", file=None)
        here = House(root=tmp_path, folder=folder, port=new_port(), sites_port=port, login=login)
        start(folder, "sites", ["sleep", str(HANG)], cwd=tmp_path, env=os.environ, port=port)
        try:
            with pytest.raises(Refused, match=f"server of the finished sites that runs {said}") as refused:
                start_sites(here)
        finally:
            end(folder, "sites")
    assert "un `pressrun down`, then `pressrun up`" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_logins_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    logins = {"PREFECT_SERVER_API_AUTH_STRING": "admin:one", "PREFECT_API_AUTH_STRING": "admin:two"}
    refused = pressrun("up", "--port", str(new_port()), PRESSRUN_STATE_DIR=str(tmp_path), **logins)
    assert refused.returncode == 2
    assert "are set and differ" in refused.stderr
    assert "admin" not in refused.stderr


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    ended = pressrun("down", PRESSRUN_STATE_DIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("not running") == 3
