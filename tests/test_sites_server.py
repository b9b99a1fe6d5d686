"""The finished sites over HTTP, for pages of this machine's own name only."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from pressrun.processes import end, start
from tests.patience import until
from tests.ports import new_port


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("served"), new_port()
    (folder / "sites").mkdir()
    (folder / "sites" / "index.html").write_text("a finished site")
    (folder / "secret").write_text("not served")
    command = [sys.executable, "-m", "pressrun.sites_server", str(port), str(folder / "sites")]
    root = str(Path(__file__).parent.parent)
    start(folder, "sites", command, cwd=folder, env={"PYTHONPATH": root}, port=port)
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
    assert httpx2.get(address, headers={"Host": host}).text == "a finished site"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4280", "127.0.0.1.evil.example", ""])
def test_a_page_that_points_its_own_name_here_reads_nothing(address: str, host: str) -> None:
    refused = httpx2.get(address, headers={"Host": host})
    assert refused.status_code == 421
    assert "finished" not in refused.text


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "//../secret"])
def test_nothing_outside_the_folder_is_served(address: str, path: str) -> None:
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.split()[1] == b"404"
    assert b"not served" not in answer
