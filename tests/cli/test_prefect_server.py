"""Which Prefect server a command works with."""

from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from pressrun.cli.prefect_server import prefect_server
from pressrun.errors import Refused
from pressrun.login import login_for
from pressrun.processes import end, start
from pressrun.settings import Settings
from tests.patience import HANG, get
from tests.routes.raw_server import Reply, serving


def test_a_server_that_is_configured_is_used(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_URL: "http://prefect.example/api"}):
        with prefect_server(Settings(state_dir=tmp_path)) as is_temporary:
            assert PREFECT_API_URL.value() == "http://prefect.example/api"
        assert not is_temporary


def test_a_login_that_is_not_that_servers_is_refused(tmp_path: Path) -> None:
    with serving(lambda _asked: Reply({}, status=401)) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        start(tmp_path / "up", "server", ["sleep", str(HANG)], cwd=tmp_path, env={"PATH": "/bin:/usr/bin"}, port=port)
        try:
            with (
                temporary_settings(restore_defaults={PREFECT_API_URL}),
                pytest.raises(Refused, match="has another login"),
                prefect_server(Settings(state_dir=tmp_path)),
            ):
                pass
        finally:
            end(tmp_path / "up", "server")


@pytest.mark.usefixtures("prefect_api")
def test_a_temporary_server_asks_for_a_login_that_only_its_command_knows() -> None:
    asked = f"{PREFECT_API_URL.value()}/admin/version"
    user, password = str(PREFECT_API_AUTH_STRING.value()).split(":")
    assert get(asked).status_code == 401
    assert get(asked, auth=(user, password)).is_success


def test_the_server_of_pressrun_up_is_used_with_its_login_while_it_runs(tmp_path: Path) -> None:
    login = login_for(tmp_path / "up").text
    start(tmp_path / "up", "server", ["sleep", str(HANG)], cwd=tmp_path, env={"PATH": "/bin:/usr/bin"}, port=4321)
    try:
        # Other tests of this process may have a server configured.
        with temporary_settings(restore_defaults={PREFECT_API_URL, PREFECT_API_AUTH_STRING}):
            with prefect_server(Settings(state_dir=tmp_path)) as is_temporary:
                assert PREFECT_API_URL.value() == "http://127.0.0.1:4321/api"
                assert PREFECT_API_AUTH_STRING.value() == login
            assert not is_temporary
            assert PREFECT_API_URL.value() is None
    finally:
        end(tmp_path / "up", "server")
