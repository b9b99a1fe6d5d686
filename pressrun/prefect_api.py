"""Which Prefect server is configured, and whether it answers, without importing Prefect.

Invariant: a server is refused only for a conclusive answer. Prefect itself ends in a traceback when it cannot reach its
server, and names neither the variable nor the profile that it has the address from.
"""

import os
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
from dotenv import dotenv_values

from pressrun.bundle.remote import check_folder
from pressrun.connection import is_loopback
from pressrun.errors import Refused
from pressrun.settings import ENCODING, ENV_FILE, Settings
from pressrun.untrusted import redacted
from pressrun.up import running_api

__all__ = ["PrefectServer", "address_fault", "ask_server", "check_prefect", "configured_server", "login_of", "sources"]

ENVIRONMENT = "the environment"
SECONDS = 30
"""How long a server may take to answer; a busy one on SQLite takes some."""
OWN_WAYS = ("PREFECT_CLIENT_CUSTOM_HEADERS", "PREFECT_API_SSL_CERT_FILE", "PREFECT_API_TLS_INSECURE_SKIP_VERIFY")
"""Settings of a connection that only Prefect's client makes."""


class PrefectServer(NamedTuple):
    """The configured server."""

    url: str
    """Of its API."""
    place: str
    """Where the address is set: "the environment", a file, or a profile."""
    settings: dict[str, str]
    """Prefect's settings, by variable."""

    @property
    def shown(self) -> str:
        """The URL without a password."""
        return redacted(self.url)

    @property
    def without(self) -> str:
        """How to do without this server."""
        is_variable = self.place == ENVIRONMENT
        return "unset PREFECT_API_URL" if is_variable else f"remove PREFECT_API_URL from {self.place}"


def configured_server() -> PrefectServer | None:
    """The server of PREFECT_API_URL, from wherever Prefect reads it; None when there is none.

    Raises `Refused` for a file of Prefect's settings that cannot be read.
    """
    merged: dict[str, str] = {}
    place = None
    for source, values in sources():
        given = {name.upper(): str(value) for name, value in values.items() if value not in (None, "")}
        if place is None and "PREFECT_API_URL" in given:
            place = source
        merged = given | merged
    return PrefectServer(merged["PREFECT_API_URL"].strip().rstrip("/"), place, merged) if place else None


def sources() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where Prefect reads its settings, the most important first (`prefect.settings.base`)."""
    yield ENVIRONMENT, os.environ
    if Path(ENV_FILE).is_file():
        yield ENV_FILE, dotenv_values(ENV_FILE, encoding=ENCODING)
    yield "prefect.toml", _flat(_toml(Path("prefect.toml")))
    yield "pyproject.toml", _flat(_table(_table(_toml(Path("pyproject.toml")), "tool"), "prefect"))
    file = Path(os.environ.get("PREFECT_PROFILES_PATH") or _home() / "profiles.toml")
    profiles = _toml(file)
    known = profiles.get("profiles", {})
    if not isinstance(known, dict) or not all(isinstance(table, dict) for table in known.values()):
        raise _unreadable(file, "profiles are tables, such as [profiles.local]")
    name = os.environ.get("PREFECT_PROFILE") or str(profiles.get("active"))
    yield f"the Prefect profile {name!r} ({file})", _table(known, name)


def _home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()


def _toml(file: Path) -> dict[str, Any]:
    """A TOML file; empty when there is none. Raises `Refused` for one that cannot be read, as Prefect fails on it."""
    try:
        return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
    except OSError as error:
        raise _unreadable(file, str(error.strerror)) from None
    except UnicodeDecodeError:
        raise _unreadable(file, "it is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _unreadable(file, redacted(str(error))) from None


def _unreadable(file: Path, why: str) -> Refused:
    return Refused(
        f"{file.absolute()}, which has settings of Prefect, cannot be read: {why}. Nothing was spent. Correct the file."
    )


def _table(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def _flat(tables: Mapping[str, Any], prefix: str = "PREFECT") -> dict[str, Any]:
    """Nested tables as variables: `[api] url` is PREFECT_API_URL."""
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        variable = f"{prefix}_{name}"
        flat |= _flat(value, variable) if isinstance(value, dict) else {variable: value}
    return flat


def check_prefect(settings: Settings) -> None:
    """Raise `Refused` when the run's Prefect server does not answer, or its own could not be started."""
    server = configured_server()
    if server:
        if fault := ask_server(server):
            raise Refused(fault)
    elif not running_api(settings):
        check_folder(_home(), "PREFECT_HOME")


def ask_server(server: PrefectServer) -> str | None:
    """What is wrong with a server, or None."""
    if fault := address_fault(server):
        return fault
    if any(name in server.settings for name in OWN_WAYS):
        return None
    try:
        reply = _ask(server)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return (
            f"The Prefect server at {server.shown} does not answer ({redacted(str(error)) or type(error).__name__}). "
            f"Nothing was spent. Start it, or {server.without}."
        )
    return _fault_of(reply, server)


def address_fault(server: PrefectServer) -> str | None:
    """Why the address of a server is none, or None."""
    try:
        parts = urlsplit(server.url)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        is_address = False
    if is_address:
        return None
    return (
        f"PREFECT_API_URL is {server.shown}, which is no address: one begins with http:// and ends in /api. "
        f"Nothing was spent. Correct it, or {server.without}."
    )


def _ask(server: PrefectServer) -> httpx2.Response:
    """Ask for the version, as Prefect's client does: the health check is answered without a login."""
    login = login_of(server)
    with httpx2.Client(
        headers={"Authorization": login} if login else {},
        timeout=SECONDS,
        trust_env=not is_loopback(server.url),
        verify=server.url.startswith("https"),
    ) as client:
        return client.get(f"{server.url}/admin/version")


def login_of(server: PrefectServer) -> str | None:
    """The header that Prefect's client sends."""
    settings = server.settings
    if login := settings.get("PREFECT_API_AUTH_STRING"):
        return f"Basic {b64encode(login.encode()).decode()}"
    return f"Bearer {settings['PREFECT_API_KEY']}" if "PREFECT_API_KEY" in settings else None


def _fault_of(reply: httpx2.Response, server: PrefectServer) -> str | None:
    if reply.status_code in (401, 403):
        return (
            f"The Prefect server at {server.shown} refused the login (HTTP {reply.status_code}). Nothing was spent. "
            f"Set PREFECT_API_AUTH_STRING (for Prefect Cloud, PREFECT_API_KEY), or {server.without}."
        )
    if reply.status_code in (502, 504):
        return (
            f"The Prefect server at {server.shown} does not answer (HTTP {reply.status_code} from a proxy). Nothing "
            f"was spent. Start it, or {server.without}."
        )
    is_page = reply.is_success and "json" not in reply.headers.get("content-type", "")
    # Prefect Cloud has no such path below a workspace.
    if (is_page or reply.status_code in (404, 405)) and not _is_cloud(server):
        return (
            f"{server.shown} is not the API of a Prefect server, whose address normally ends in /api. Nothing was "
            f"spent. Correct PREFECT_API_URL, or {server.without}."
        )
    return None


def _is_cloud(server: PrefectServer) -> bool:
    return str(urlsplit(server.url).hostname).endswith("prefect.cloud")
