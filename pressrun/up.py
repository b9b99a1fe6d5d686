"""`pressrun up` and `pressrun down`: a Prefect server, a worker and the sites over HTTP, on this machine.

Invariant: what is already running is left alone, and stopping everything deletes no data.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

import pressrun
from pressrun.calls import Frozen
from pressrun.errors import Refused
from pressrun.processes import end, log_of, running, start
from pressrun.settings import Settings

__all__ = [
    "POOL",
    "THERE",
    "Done",
    "House",
    "end_all",
    "house",
    "project_root",
    "running_api",
    "start_server",
    "start_sites",
    "start_worker",
    "state_folder",
]

POOL = "pressrun"
"""Name of the work pool."""
SERVER_PORT, SITES_PORT = 4200, 4280
SERVER, WORKER, SITES = "server", "worker", "sites"
THERE, RUNNING = "unchanged", "already running"
START_SECONDS = 300
"""A first start creates the database: 9 to 12 seconds on an idle machine, more than 120 on a busy one."""
QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "PREFECT_LOGGING_INTERNAL_LEVEL"}
"""Set by the command for its own screen; server and worker must write their logs."""


class Done(Frozen):
    """One action and its result."""

    verb: str
    """`created`, `unchanged`, `updated`, `removed`, `not set`, `missing`, `started`, `already running`, `stopped` or
    `not running`."""
    what: str

    @property
    def is_change(self) -> bool:
        return self.verb not in {THERE, RUNNING, "not set", "missing", "not running"}


@dataclass(frozen=True, kw_only=True)
class House:
    """Where the processes run, and on which ports."""

    root: Path
    """The checkout."""
    folder: Path
    """Where their files and logs are."""
    port: int
    sites_port: int

    @property
    def ui(self) -> str:
        """URL of the Prefect UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """URL of its API."""
        return f"{self.ui}/api"

    @property
    def sites_url(self) -> str:
        """URL of the finished sites."""
        return f"http://127.0.0.1:{self.sites_port}"


def project_root() -> Path:
    """The checkout with the deployments. Raises `Refused` when there is none."""
    for folder in (Path.cwd(), Path(pressrun.__file__).parents[1]):
        if (folder / "prefect.yaml").is_file() and (folder / "flows" / "build_site.py").is_file():
            return folder
    raise Refused("Pressrun's prefect.yaml is not here. Run this command in the checkout.")


def state_folder(settings: Settings) -> Path:
    """Where the processes' files and logs are."""
    return settings.state_dir.resolve() / "up"


def running_api(settings: Settings) -> str | None:
    """Address of the API of the server that `pressrun up` started, if it runs."""
    server = running(state_folder(settings), SERVER)
    return f"http://127.0.0.1:{server.port}/api" if server else None


def house(settings: Settings, port: int | None, sites_port: int | None) -> House:
    """The installation as it runs, or as it will be started. Raises `Refused` when that is impossible."""
    folder = state_folder(settings)
    server = running(folder, SERVER) or running(folder, WORKER)
    sites = running(folder, SITES)
    chosen = House(
        root=project_root(),
        folder=folder,
        port=port or (server.port if server else SERVER_PORT),
        sites_port=sites_port or (sites.port if sites else SITES_PORT),
    )
    if (server and server.port != chosen.port) or (sites and sites.port != chosen.sites_port):
        raise Refused("Already running on other ports. Omit the port options, or run `pressrun down` first.")
    other = os.environ.get("PREFECT_API_URL", chosen.api)
    if other.rstrip("/") != chosen.api:
        raise Refused(
            f"PREFECT_API_URL is {other}, but `pressrun up` starts a server at {chosen.api}. Unset it to start that "
            "server, or run `pressrun setup` to set up your own."
        )
    return chosen


def start_server(here: House) -> Done:
    """Start a Prefect server and wait until it answers."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(here.port)]
    verb = _start(here, SERVER, command, here.port, lambda: _answers(f"{here.api}/health"), serves="--port")
    return Done(verb=verb, what=f"Prefect server at {here.ui}")


def start_sites(here: House) -> Done:
    """Start a web server for finished sites, so that a run's links open in a browser."""
    folder = here.root / "sites"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "http.server", str(here.sites_port), "--bind", "127.0.0.1"]
    command += ["--directory", str(folder)]
    verb = _start(here, SITES, command, here.sites_port, lambda: _answers(here.sites_url), serves="--sites-port")
    return Done(verb=verb, what=f"finished sites at {here.sites_url}")


def start_worker(here: House) -> Done:
    """Start a worker for the pool, which must exist."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--pool", POOL]
    return Done(verb=_start(here, WORKER, command, here.port, lambda: _works(here)), what=f"worker for pool {POOL}")


def end_all(settings: Settings) -> Iterator[Done]:
    """Stop what was started, the server last, because runs that end report to it."""
    for name in (WORKER, SITES, SERVER):
        yield Done(verb="stopped" if end(state_folder(settings), name) else "not running", what=name)


def _start(
    here: House, name: str, command: list[str], port: int, is_ready: Callable[[], bool], *, serves: str | None = None
) -> str:
    """Start a process. `serves` is the option that sets its port. Raises `Refused` when it does not start."""
    if running(here.folder, name):
        return RUNNING
    if serves and _is_taken(port):
        raise Refused(f"Port {port} is in use by another program. Stop it, or choose another port with {serves}.")
    env = {name: value for name, value in os.environ.items() if name not in QUIET}
    env |= {"PREFECT_API_URL": here.api, "PRESSRUN_SITES_URL": here.sites_url}
    start(here.folder, name, command, cwd=here.root, env=env, port=port)
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if running(here.folder, name) is None or time.monotonic() > deadline:
            end(here.folder, name)
            raise Refused(f"The {name} did not start. Its log ends with:\n{_last_lines(log_of(here.folder, name))}")
        time.sleep(0.2)
    return "started"


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _get(url: str) -> httpx2.Response | None:
    """A successful response, or None."""
    try:
        reply = httpx2.get(url, timeout=5)
    except httpx2.HTTPError:
        return None
    return reply if reply.is_success else None


def _answers(url: str) -> bool:
    return _get(url) is not None


def _works(here: House) -> bool:
    """Whether the pool has a worker, by its heartbeat."""
    pool = _get(f"{here.api}/work_pools/{POOL}")
    return pool is not None and pool.json()["status"] == "READY"


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
