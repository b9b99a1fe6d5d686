"""The finished sites over HTTP, with the login and for pages of this machine's own name only."""

import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from pressrun.login import CLIENT
from pressrun.processes import end, start
from tests.patience import HANG, get, request, until
from tests.ports import new_port

LOGIN = ("pressrun", "se:crét")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("served"), new_port()
    (folder / "sites").mkdir()
    (folder / "sites" / "index.html").write_text("a finished site")
    (folder / "secret").write_text("not served")
    command = [sys.executable, "-m", "pressrun.sites_server", str(port), str(folder / "sites")]
    root = str(Path(__file__).parent.parent)
    start(folder, "sites", command, cwd=folder, env={"PYTHONPATH": root, CLIENT: ":".join(LOGIN)}, port=port)
    try:
        until(lambda: _connects(port), bool)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(folder, "sites")


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("host", ["127.0.0.1:4280", "localhost:9999", "localhost"])
def test_a_site_is_served_under_a_local_name(address: str, host: str) -> None:
    assert get(address, headers={"Host": host}, auth=LOGIN).text == "a finished site"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4280", "127.0.0.1.evil.example", ""])
def test_a_page_that_points_its_own_name_here_reads_nothing(address: str, host: str) -> None:
    refused = get(address, headers={"Host": host}, auth=LOGIN)
    assert refused.status_code == 421
    assert "finished" not in refused.text


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


WRONG = [
    None,
    "",
    "Basic",
    basic("pressrun:"),
    basic("pressrun:other"),
    basic("pressrun:se:crét "),
    f"Bearer {b64encode(':'.join(LOGIN).encode()).decode()}",
    "Basic \xe9\xff",
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/index.html", "/missing"])
@pytest.mark.parametrize("given", WRONG)
def test_another_user_of_the_machine_reads_nothing(address: str, given: str | None, path: str, method: str) -> None:
    headers = {"Authorization": given.encode("latin-1")} if given is not None else {}
    refused = request(method, address + path, headers=headers)
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_the_name_of_the_scheme_is_understood_in_any_case(address: str) -> None:
    given = basic(":".join(LOGIN)).replace("Basic", "bASIC")
    assert get(address, headers={"Authorization": given}).text == "a finished site"


@pytest.mark.parametrize("login", [{}, {CLIENT: ""}])
def test_without_a_login_nothing_is_served(tmp_path: Path, login: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pressrun.sites_server", str(new_port()), str(tmp_path)]
    env = {"PYTHONPATH": str(Path(__file__).parent.parent), **login}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 1
    assert f"{CLIENT} is not set" in done.stderr


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "//../secret"])
def test_nothing_outside_the_folder_is_served(address: str, path: str) -> None:
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
        asked = f"GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: {basic(':'.join(LOGIN))}\r\n\r\n"
        connection.sendall(asked.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.split()[1] == b"404"
    assert b"not served" not in answer
