"""The Prefect server of a command: the configured one, the one started by `pressrun up`, or a temporary one.

Invariant: a temporary server ends with the command, however the command ends. It is a separate process, because
Prefect's own temporary server also imports itself into the flow's process, which takes 2.6 s of CPU.
"""

import atexit
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from pressrun.bundle.remote import check_folder
from pressrun.cli.load_prefect import load_prefect
from pressrun.connection import check_variables
from pressrun.errors import Refused
from pressrun.login import CLIENT, SERVER, new_login
from pressrun.prefect_api import check_prefect
from pressrun.private import private_file, state_folder
from pressrun.settings import Settings
from pressrun.up import running_api, running_login

__all__ = ["prefect_server"]

START_SECONDS = 300
"""The first start creates the database: 10 seconds on an idle machine, more than 120 on a busy one."""
ATTEMPTS = 3
"""Attempts to start, because another program may take the port in the meantime."""


@contextmanager
def prefect_server(settings: Settings) -> Iterator[bool]:
    """Make Prefect use a running server; yields whether it is a temporary one, which no other process uses.

    Raises `Refused` when the configured server does not answer, a setting of Prefect cannot be used, or a temporary
    server does not start.
    """
    check_variables(simulate=False)
    check_prefect(settings)
    load_prefect()
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        get_current_settings,
        temporary_settings,
    )

    if PREFECT_API_URL.value():
        yield False
        return
    if api := running_api(settings):
        with temporary_settings({PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: running_login(settings)}):
            yield False
        return
    check_folder(settings.state_dir, "PRESSRUN_STATE_DIR")
    log = settings.state_dir.resolve() / "temporary-server.log"
    # Other users of the machine, and web pages, cannot use it without the login.
    login = new_login()
    environment = get_current_settings().to_environment_variables(exclude_unset=True)
    api = _start({**environment, SERVER: login, CLIENT: login}, log)
    with temporary_settings({PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: login}):
        yield True


def _start(environment: Mapping[str, str], log: Path) -> str:
    """Start a server without UI and services; returns the URL of its API."""
    state_folder(log.parent)
    env = {**os.environ, **environment, "PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
    for _ in range(ATTEMPTS):
        port = _free_port()
        with private_file(log).open("w", encoding="utf-8") as output:
            # In its own session, so that Ctrl-C does not reach it before the run has reported its end.
            server = subprocess.Popen(
                [sys.executable, "-m", "pressrun.cli.temporary_server", str(port)],
                env=env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,
            )
        # Prefect sends its last logs in exit hooks that are registered later and therefore run earlier.
        atexit.register(_end, server)
        if _answers(f"http://127.0.0.1:{port}/api", server):
            return f"http://127.0.0.1:{port}/api"
    raise Refused(
        f"Prefect's temporary server did not start; nothing was spent. Its log ends with:\n{_last_lines(log)}"
    )


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(api: str, server: "subprocess.Popen[bytes]") -> bool:
    """Wait until the server answers; False if it ended instead."""
    deadline = time.monotonic() + START_SECONDS
    # The connection is not encrypted, and reading the certificates takes 50 ms of CPU.
    with httpx2.Client(verify=False, timeout=START_SECONDS, trust_env=False) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                if client.get(f"{api}/health").is_success:
                    return True
            except httpx2.HTTPError:
                time.sleep(0.1)
    return False


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
