"""What the environment says about proxies and certificates, tried before any client is opened.

Invariant: nothing that is sent to this machine itself (the simulator, a local Prefect server) goes through a proxy. The
clients of openai and Prefect read these variables when they are created, and fail without their names.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pressrun.errors import Refused

__all__ = ["check_headers", "check_variables", "is_loopback", "set_proxies", "spare_loopback", "variable_faults"]

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
"""Variables that the openai client sends as headers."""
CUSTOM_HEADERS = "OPENAI_CUSTOM_HEADERS"
"""Further headers of that client, a line each; it ignores a line without a colon."""
HEADER = re.compile(r"[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:[\t\x20-\x7e]*\r?")
"""A name, and a value of visible ASCII (RFC 9110, sections 5.1 and 5.5)."""


def spare_loopback() -> None:
    """Have this process and its children reach this machine without a proxy."""
    if not set_proxies():
        return
    # Where both are set, the lower-case name wins (urllib.request.getproxies).
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(dict.fromkeys([*_spared(), *LOOPBACK]))


def _spared() -> list[str]:
    """Hosts that are reached without a proxy; `*` means all."""
    hosts = [host.strip() for _, value in _set(("NO_PROXY",)) for host in value.split(",")]
    return [host for host in hosts if host]


def set_proxies() -> list[str]:
    """The names of the variables that set a proxy."""
    return [name for name, _ in _set(PROXIES)]


def is_loopback(address: str) -> bool:
    """Whether a URL leads to this machine."""
    return urlsplit(address).hostname in LOOPBACK


def check_variables(*, simulate: bool) -> None:
    """Raise `Refused` for variables that no client could use.

    A simulated run connects to nobody else, so there such a variable is taken out of the way of the clients instead.
    """
    faults = dict(variable_faults())
    if simulate:
        for name in faults:
            del os.environ[name]
        return
    if faults:
        raise Refused(f"{' '.join(faults.values())} Nothing was spent.")


def variable_faults() -> Iterator[tuple[str, str]]:
    """Each variable that no client could use, and a sentence about it, without its value where that may be secret."""
    proxies = {} if "*" in _spared() else dict(_set(PROXIES))
    for name, value in proxies.items():
        if fault := _proxy_fault(value):
            yield name, f"{name} {fault}"
    yield from _certificate_faults()
    yield from _header_faults()


def check_headers() -> None:
    """Raise `Refused` for variables that the openai client could not send as headers."""
    if faults := dict(_header_faults()):
        raise Refused(f"{' '.join(faults.values())} Nothing was spent.")


def _header_faults() -> Iterator[tuple[str, str]]:
    for name in HEADERS:
        value = os.environ.get(name, "")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            yield name, f"{name} has a character that no header can hold. Set it again without blanks and line ends."
    for number, line in enumerate(os.environ.get(CUSTOM_HEADERS, "").split("\n"), start=1):
        if ":" in line and not HEADER.fullmatch(line):
            yield (
                CUSTOM_HEADERS,
                f"{CUSTOM_HEADERS} has a character that no header can hold (line {number}). Write one header a line, "
                "such as X-Team: web, in plain ASCII.",
            )
            return


def _set(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The variables of these names that are not empty, in either spelling."""
    for name in names:
        for spelling in (name, name.lower()):
            if value := os.environ.get(spelling):
                yield spelling, value


def _proxy_fault(value: str) -> str | None:
    # Imported here, so that `pressrun --help` does without.
    import httpx2

    if value.strip() != value or value[0] in "\"'\u201c\u2018":
        return "is in quotes or has blanks around it. Set it without them, such as http://proxy.example:3128."
    try:
        url = httpx2.URL(value if "://" in value else f"http://{value}")
        httpx2.HTTPTransport(proxy=httpx2.Proxy(url), verify=False).close()
    except ImportError:
        return 'names a SOCKS proxy, for which a package is missing. Run: pip install "httpx2[socks]", or unset it.'
    except (ValueError, httpx2.InvalidURL):
        return "is not the address of a proxy. Set it like http://proxy.example:3128, or unset it."
    return None if url.host else "names no host. Set it like http://proxy.example:3128, or unset it."


def _certificate_faults() -> Iterator[tuple[str, str]]:
    import ssl

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    advice = "Unset it, or name the certificates of your network."
    if file:
        try:
            ssl.create_default_context(cafile=file)
        except FileNotFoundError:
            yield "SSL_CERT_FILE", f"SSL_CERT_FILE names a file that does not exist: {file}. {advice}"
        except OSError:  # Also ssl.SSLError.
            yield "SSL_CERT_FILE", f"SSL_CERT_FILE names a file without readable certificates: {file}. {advice}"
    elif folder and not Path(folder).is_dir():
        yield "SSL_CERT_DIR", f"SSL_CERT_DIR names a folder that does not exist: {folder}. {advice}"
