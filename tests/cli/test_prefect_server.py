"""Which Prefect server a command works with."""

from pathlib import Path

from prefect.settings import PREFECT_API_URL, temporary_settings

from pressrun.cli.prefect_server import prefect_server
from pressrun.processes import end, start
from pressrun.settings import Settings
from tests.patience import HANG


def test_a_server_that_is_configured_is_used(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_URL: "http://prefect.example/api"}):
        with prefect_server(Settings(state_dir=tmp_path)) as is_temporary:
            assert PREFECT_API_URL.value() == "http://prefect.example/api"
        assert not is_temporary


def test_the_server_of_pressrun_up_is_used_while_it_runs(tmp_path: Path) -> None:
    start(tmp_path / "up", "server", ["sleep", str(HANG)], cwd=tmp_path, env={"PATH": "/bin:/usr/bin"}, port=4321)
    try:
        # Other tests of this process may have a server configured.
        with temporary_settings(restore_defaults={PREFECT_API_URL}):
            with prefect_server(Settings(state_dir=tmp_path)) as is_temporary:
                assert PREFECT_API_URL.value() == "http://127.0.0.1:4321/api"
            assert not is_temporary
            assert PREFECT_API_URL.value() is None
    finally:
        end(tmp_path / "up", "server")
