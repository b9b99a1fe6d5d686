"""Processes that outlive the command that starts them, each with a record file and a log.

Invariant: only processes started here are ever stopped: the id and the start time must both match the file, because ids
are reused.
"""

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from pressrun.frozen import Frozen
from pressrun.private import private_file, private_folder

__all__ = ["Started", "end", "log_of", "running", "start"]

PATIENCE = 15
"""Seconds between terminating and killing a process."""
CLOCK_STEP = 2.0
"""Seconds by which a start time may appear to change, because it depends on the machine's clock."""


class Started(Frozen):
    """The content of a process's record file."""

    pid: int
    at: float
    """When it started, in seconds since 1970."""
    port: int
    """The port it serves, or the port of the server it works for."""


def log_of(folder: Path, name: str) -> Path:
    """The process's log file."""
    return folder / f"{name}.log"


def running(folder: Path, name: str) -> Started | None:
    """What was started under this name, if it still runs and its record can be read."""
    with contextlib.suppress(OSError, ValueError):
        started = Started.model_validate_json(_file(folder, name).read_text("utf-8"))
        return started if _process(started) else None
    return None


def start(
    folder: Path, name: str, command: list[str], *, cwd: Path, env: Mapping[str, str], port: int, umask: int = -1
) -> Started:
    """Start a process in its own session, so that closing the terminal does not end it.

    `umask` is for the files that it makes; -1 leaves it as it is here.
    """
    # A command that a script runs with `&` ignores SIGINT, and so would Prefect's worker.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    private_folder(folder)
    with private_file(log_of(folder, name)).open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=umask,
        )
    started = Started(pid=process.pid, at=psutil.Process(process.pid).create_time(), port=port)
    private_file(_file(folder, name)).write_text(started.model_dump_json(), "utf-8")
    return started


def end(folder: Path, name: str) -> bool:
    """Stop what was started under this name, with its child processes; False when nothing was running."""
    started = running(folder, name)
    process = _process(started) if started else None
    if process:
        _end_family(process)
    _file(folder, name).unlink(missing_ok=True)
    return process is not None


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _process(started: Started) -> psutil.Process | None:
    try:
        process = psutil.Process(started.pid)
        is_ours = abs(process.create_time() - started.at) < CLOCK_STEP
        return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _end_family(process: psutil.Process) -> None:
    """A worker's runs are in separate sessions, and it would wait hours for them, so each is terminated directly."""
    family = [process, *process.children(recursive=True)]
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.terminate()
    _ended, left = psutil.wait_procs(family, timeout=PATIENCE)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(left, timeout=PATIENCE)
