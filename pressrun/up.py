"""`pressrun up` and `pressrun down`: a Prefect server, a worker and the sites over HTTP, on this machine.

Invariant: what is already running is left alone, and stopping everything deletes no data. Only who knows the login can
read or start anything on the server; another page or user of the machine cannot.
"""

import os
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from pressrun.errors import Refused
from pressrun.frozen import Frozen
from pressrun.login import CLIENT, SERVER, Login, kept_login, login_for
from pressrun.processes import end, log_of, running, start
from pressrun.project import project_folder
from pressrun.settings import Settings
from pressrun.sites_server import LOCAL_NAMES

__all__ = [
    "POOL",
    "THERE",
    "Done",
    "House",
    "end_all",
    "house",
    "running_api",
    "running_login",
    "start_server",
    "start_sites",
    "start_worker",
    "state_folder",
]

POOL = "pressrun"
"""Name of the work pool."""
SERVER_PORT, SITES_PORT = 4200, 4280
API_SERVER, WORKER, SITES = "server", "worker", "sites"
PORT_OPTIONS = {API_SERVER: "--port", SITES: "--sites-port"}
"""For those that need a port of their own, the option that sets it."""
PROTECTED = "admin/version"
"""Path in the API of something small that needs the login."""
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
    login: Login
    """For the API, the UI and the finished sites."""

    @property
    def ui(self) -> str:
        """URL of the Prefect UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """URL of its API."""
        return f"{self.ui}/api"

    @property
    def client(self) -> dict[str, str]:
        """The environment of a client of the server."""
        return {"PREFECT_API_URL": self.api, CLIENT: self.login.text}

    @property
    def sites_url(self) -> str:
        """URL of the finished sites."""
        return f"http://127.0.0.1:{self.sites_port}"


def state_folder(settings: Settings) -> Path:
    """Where the processes' files and logs are."""
    return settings.state_dir.resolve() / "up"


def running_api(settings: Settings) -> str | None:
    """Address of the API of the server that `pressrun up` started, if it runs."""
    server = running(state_folder(settings), API_SERVER)
    return f"http://127.0.0.1:{server.port}/api" if server else None


def running_login(settings: Settings) -> str | None:
    """The login for that server. Raises `Refused` when the one that is set or kept is not the server's."""
    login = kept_login(state_folder(settings))
    if (api := running_api(settings)) and _is_locked(f"{api}/{PROTECTED}", login):
        raise Refused(
            f"The Prefect server of `pressrun up` has another login than {CLIENT} or the file in "
            f"{state_folder(settings)}. Unset {CLIENT}, or run `pressrun down`, then `pressrun up`. Nothing was spent."
        )
    return login.text if login else None


def house(settings: Settings, port: int | None, sites_port: int | None) -> House:
    """The installation as it runs, or as it will be started. Raises `Refused` when that is impossible."""
    folder = state_folder(settings)
    server = running(folder, API_SERVER) or running(folder, WORKER)
    sites = running(folder, SITES)
    chosen = House(
        root=project_folder(),
        folder=folder,
        port=port or (server.port if server else SERVER_PORT),
        sites_port=sites_port or (sites.port if sites else SITES_PORT),
        login=login_for(folder),
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
    # The UI calls the API at 127.0.0.1, so a page opened as localhost is of another origin.
    origins = ",".join(f"http://{name}:{here.port}" for name in LOCAL_NAMES)
    env = {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins, **os.environ, **here.client, SERVER: here.login.text}
    is_ready = partial(_answers, f"{here.api}/health")
    # Prefect's database holds parameters, logs and secrets. The worker keeps its umask: sites are for a web server.
    verb = _start(here, API_SERVER, command, is_ready, env=env, umask=0o077)
    _check_login(f"{here.api}/{PROTECTED}", here.login, "Prefect server")
    return Done(verb=verb, what=f"Prefect server at {here.ui}")


def start_sites(here: House) -> Done:
    """Start a web server for finished sites, so that a run's links open in a browser."""
    folder = here.root / "sites"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pressrun.sites_server", str(here.sites_port), str(folder)]
    is_ready = partial(_answers, here.sites_url, here.login)
    verb = _start(here, SITES, command, is_ready, env={**os.environ, **here.client})
    _check_login(here.sites_url, here.login, "server of the finished sites")
    return Done(verb=verb, what=f"finished sites at {here.sites_url}")


def start_worker(here: House) -> Done:
    """Start a worker for the pool, which must exist."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--pool", POOL]
    env = {**os.environ, **here.client, "PRESSRUN_SITES_URL": here.sites_url}
    verb = _start(here, WORKER, command, partial(_works, here), env=env)
    return Done(verb=verb, what=f"worker for pool {POOL}")


def end_all(settings: Settings) -> Iterator[Done]:
    """Stop what was started, the server last, because runs that end report to it."""
    for name in (WORKER, SITES, API_SERVER):
        yield Done(verb="stopped" if end(state_folder(settings), name) else "not running", what=name)


def _start(
    here: House,
    name: str,
    command: list[str],
    is_ready: Callable[[], bool],
    *,
    env: Mapping[str, str],
    umask: int = -1,
) -> str:
    """Start a process and wait until it is ready. Raises `Refused` when it does not start."""
    if running(here.folder, name):
        return RUNNING
    port = here.sites_port if name == SITES else here.port
    if (serves := PORT_OPTIONS.get(name)) and _is_taken(port):
        raise Refused(f"Port {port} is in use by another program. Stop it, or choose another port with {serves}.")
    env = {variable: value for variable, value in env.items() if variable not in QUIET}
    start(here.folder, name, command, cwd=here.root, env=env, port=port, umask=umask)
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


def _get(url: str, login: Login | None = None) -> httpx2.Response | None:
    """The response, if there is one. A server on this machine is asked without a proxy."""
    headers = {"Authorization": f"Basic {b64encode(login.text.encode()).decode()}"} if login else {}
    try:
        # The connection is not encrypted, and reading the certificates takes 50 ms of CPU.
        return httpx2.get(url, timeout=5, headers=headers, trust_env=False, verify=False)
    except httpx2.HTTPError:
        return None


def _answers(url: str, login: Login | None = None) -> bool:
    reply = _get(url, login)
    return reply is not None and reply.is_success


def _check_login(url: str, login: Login, server: str) -> None:
    """Raise `Refused` unless the server, by its name in a sentence, asks for the login, and for this one."""
    if _answers(url):
        raise Refused(
            f"The {server} that runs asks for no login, because an earlier version started it. Others can use it. Run "
            "`pressrun down`, then `pressrun up`."
        )
    if _is_locked(url, login):
        raise Refused(
            f"The {server} that runs was started with another login. Set {CLIENT} as it was, or unset it; or run "
            "`pressrun down`, then `pressrun up`."
        )


def _is_locked(url: str, login: Login | None) -> bool:
    """Whether the server asks for another login than this one."""
    reply = _get(url, login)
    return reply is not None and reply.status_code == httpx2.codes.UNAUTHORIZED


def _works(here: House) -> bool:
    """Whether the pool has a worker, by its heartbeat."""
    pool = _get(f"{here.api}/work_pools/{POOL}", here.login)
    return pool is not None and pool.is_success and pool.json()["status"] == "READY"


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
