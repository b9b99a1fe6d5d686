"""The command as a user gives it: processes of their own, on the session's Prefect server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

from tests.patience import HANG

__all__ = ["IMAGES", "finish", "kill", "start", "wait_until"]

IMAGES = 3
BRIEF = f"""\
name: Bakery SITE
slug: SITE
domain: SITE.example
trade: Sourdough bakery
audience: People who live near the quay
services: [Sourdough loaves, Celebration cakes]
pages: [Home, Contact]
image_count: {IMAGES}
"""


def start(folder: Path, *options: str, names: Sequence[str] = ("harbour-bakery",)) -> subprocess.Popen[str]:
    """`pressrun build` of small sites into `folder/out`, as a process group of its own."""
    briefs = [folder / f"{name}.yaml" for name in names]
    for name, brief in zip(names, briefs, strict=True):
        brief.write_text(BRIEF.replace("SITE", name))
    command = [
        sys.executable,
        "-m",
        "pressrun",
        "build",
        *map(str, briefs),
        "--out",
        str(folder / "out"),
        "--poll",
        "0.2",
    ]
    api = {"PREFECT_API_URL": PREFECT_API_URL.value(), "PREFECT_API_AUTH_STRING": PREFECT_API_AUTH_STRING.value()}
    return subprocess.Popen(
        [*command, *options],
        env={**os.environ, **{name: str(value) for name, value in api.items()}},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end, which must be a good one; returns what was said."""
    output, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, output
    return output


def kill(process: subprocess.Popen[str]) -> None:
    # It may have ended meanwhile; what it left behind must do all the same.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Until something has happened, which must be before the process ends."""
    deadline = time.monotonic() + HANG
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the phase was never reached"
        time.sleep(0.02)
