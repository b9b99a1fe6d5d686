"""Real processes that outlive whoever started them, and the end of them."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pressrun.processes import Started, end, log_of, running, start
from tests.patience import HANG, until

SLEEP = [sys.executable, "-c", f"import time; print('begun', flush=True); time.sleep({HANG})"]
PARENT = f"""
import subprocess, time
child = subprocess.Popen({SLEEP!r}, start_new_session=True)
print(child.pid, flush=True)
time.sleep({HANG})
"""


def begin(folder: Path, command: list[str], name: str = "sleeper") -> Started:
    """Start a process, and wait until it has printed something."""
    started = start(folder, name, command, cwd=folder, env=os.environ, port=1234)
    until(lambda: log_of(folder, name).read_text().endswith("\n"))
    return started


def test_what_was_started_is_found_again_and_ended(tmp_path: Path) -> None:
    started = begin(tmp_path, SLEEP)
    assert running(tmp_path, "sleeper") == started
    assert started.port == 1234
    assert end(tmp_path, "sleeper")
    assert running(tmp_path, "sleeper") is None
    assert log_of(tmp_path, "sleeper").read_text() == "begun\n"


def test_what_it_started_in_another_session_is_ended_too(tmp_path: Path) -> None:
    begin(tmp_path, [sys.executable, "-c", PARENT])
    child = psutil.Process(int(log_of(tmp_path, "sleeper").read_text()))
    assert end(tmp_path, "sleeper")
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_has_got_the_id_of_ours_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL)
    try:
        stale = Started(pid=other.pid, at=psutil.Process(other.pid).create_time() - 60, port=1)
        (tmp_path / "sleeper.json").write_text(stale.model_dump_json())
        assert running(tmp_path, "sleeper") is None
        assert not end(tmp_path, "sleeper")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("record", ["", "{", '{"pid": "x"}'])
def test_a_record_that_cannot_be_read_is_of_nothing_that_runs(tmp_path: Path, record: str) -> None:
    (tmp_path / "sleeper.json").write_text(record)
    assert running(tmp_path, "sleeper") is None
    assert running(tmp_path / "sleeper.json", "sleeper") is None


def test_one_that_was_killed_counts_as_ended(tmp_path: Path) -> None:
    started = begin(tmp_path, SLEEP)
    psutil.Process(started.pid).kill()
    until(lambda: running(tmp_path, "sleeper") is None)
    assert not end(tmp_path, "sleeper")


@pytest.mark.parametrize("name", ["sleeper", "nobody"])
def test_ending_what_does_not_run_is_no_fault(tmp_path: Path, name: str) -> None:
    assert not end(tmp_path, name)
