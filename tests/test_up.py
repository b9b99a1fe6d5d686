"""What stands in the way of `pressrun up`, in words; what it does is in tests/live/test_up.py."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import HANG
from tests.ports import new_port
from tests.routes.raw_server import Reply, serving

ROOT = Path(__file__).parent.parent


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


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    ended = pressrun("down", PRESSRUN_STATE_DIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("not running") == 3
