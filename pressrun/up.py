"""`pressrun up` and `pressrun down`: a Prefect server, a worker and the sites over HTTP, on this machine.

Invariant: what runs already is left as it is, and ending it all takes away no data.
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
THERE = "there already"
START_SECONDS = 300
"""A first start makes the database: 9 to 12 seconds on an idle machine, more than 120 on a crowded one."""
QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "PREFECT_LOGGING_INTERNAL_LEVEL"}
"""What the command sets for its own screen; server and worker are to write their logs."""


class Done(Frozen):
    """One thing that was seen to."""

    verb: str
    """`made`, `there already`, `changed`, `removed`, `not wanted`, `missing`, `started`, `ended`, `not running`."""
    what: str

    @property
    def is_change(self) -> bool:
        return self.verb not in {THERE, "not wanted", "missing", "not running"}


@dataclass(frozen=True, kw_only=True)
class House:
    """Where the processes are started, and at which ports."""

    root: Path
    """The checkout."""
    folder: Path
    """Where their files and logs are."""
    port: int
    sites_port: int

    @property
    def ui(self) -> str:
        """Address of the Prefect UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """Address of its API."""
        return f"{self.ui}/api"

    @property
    def sites_url(self) -> str:
        """Where the finished sites can be looked at."""
        return f"http://127.0.0.1:{self.sites_port}"


def project_root() -> Path:
    """The checkout, which has the deployments. Raises `Refused` when there is none."""
    for folder in (Path.cwd(), Path(pressrun.__file__).parents[1]):
        if (folder / "prefect.yaml").is_file() and (folder / "flows" / "build_site.py").is_file():
            return folder
    raise Refused("There is no prefect.yaml of Pressrun here. Run this in the checkout.")


def state_folder(settings: Settings) -> Path:
    """Where the processes' files and logs are."""
    return settings.state_dir.resolve() / "up"


def running_api(settings: Settings) -> str | None:
    """Address of the API of the server that `pressrun up` started, if it runs."""
    server = running(state_folder(settings), SERVER)
    return f"http://127.0.0.1:{server.port}/api" if server else None


def house(settings: Settings, port: int | None, sites_port: int | None) -> House:
    """The house as it runs already, or as it is to be. Raises `Refused` when it cannot be so."""
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
        raise Refused("This runs already, at other ports. Leave them out, or say `pressrun down` first.")
    other = os.environ.get("PREFECT_API_URL", chosen.api)
    if other.rstrip("/") != chosen.api:
        raise Refused(
            f"PREFECT_API_URL is {other}, but `pressrun up` starts a server at {chosen.api}. Unset it to have that "
            "one, or say `pressrun setup` to set up yours."
        )
    return chosen


def start_server(here: House) -> Done:
    """A Prefect server, ready to be asked."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(here.port)]
    verb = _start(here, SERVER, command, here.port, lambda: _answers(f"{here.api}/health"), serves="--port")
    return Done(verb=verb, what=f"Prefect server at {here.ui}")


def start_sites(here: House) -> Done:
    """A web server for finished sites, so that a run's links to its site open in a browser."""
    folder = here.root / "sites"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "http.server", str(here.sites_port), "--bind", "127.0.0.1"]
    command += ["--directory", str(folder)]
    verb = _start(here, SITES, command, here.sites_port, lambda: _answers(here.sites_url), serves="--sites-port")
    return Done(verb=verb, what=f"finished sites at {here.sites_url}")


def start_worker(here: House) -> Done:
    """A worker of the pool, which must be there."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--pool", POOL]
    return Done(verb=_start(here, WORKER, command, here.port, lambda: _works(here)), what=f"worker of the pool {POOL}")


def end_all(settings: Settings) -> Iterator[Done]:
    """End what was started, the server last: runs that are ended tell it so."""
    for name in (WORKER, SITES, SERVER):
        yield Done(verb="ended" if end(state_folder(settings), name) else "not running", what=name)


def _start(
    here: House, name: str, command: list[str], port: int, is_ready: Callable[[], bool], *, serves: str | None = None
) -> str:
    """What was done. `serves` is the option to choose another port by. Raises `Refused` when it does not start."""
    if running(here.folder, name):
        return THERE
    if serves and _is_taken(port):
        raise Refused(f"Port {port} is taken by another program. End that, or choose another with {serves}.")
    env = {name: value for name, value in os.environ.items() if name not in QUIET}
    env |= {"PREFECT_API_URL": here.api, "PRESSRUN_SITES_URL": here.sites_url}
    start(here.folder, name, command, cwd=here.root, env=env, port=port)
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if running(here.folder, name) is None or time.monotonic() > deadline:
            end(here.folder, name)
            raise Refused(f"The {name} did not start. It said:\n{_last_lines(log_of(here.folder, name))}")
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
    """A good answer, or none yet."""
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
