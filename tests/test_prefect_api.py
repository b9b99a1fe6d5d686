"""Which Prefect server is configured, and whether it answers."""

import re
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

from pressrun.errors import DestinationUnfit, Refused
from pressrun.prefect_api import PrefectServer, ask_server, check_prefect, configured_server, login_of
from pressrun.settings import Settings
from tests.routes.raw_server import Asked, Reply, serving

VERSION = Reply("3.8.8")
DEAD = "http://127.0.0.1:1/api"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own as home of Prefect and working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write_profile(home: Path, url: str = DEAD) -> None:
    text = f'active = "agency"\n[profiles.agency]\nPREFECT_API_URL = "{url}"\nPREFECT_API_AUTH_STRING = "ann:pw"\n'
    (home / "profiles.toml").write_text(text)


def test_without_any_setting_there_is_no_server() -> None:
    assert configured_server() is None
    check_prefect(Settings(_env_file=None))


def test_a_profile_is_read_and_named(home: Path) -> None:
    write_profile(home)
    server = configured_server()
    assert server
    assert (server.url, server.place) == (DEAD, f"the Prefect profile 'agency' ({home}/profiles.toml)")
    assert server.settings["PREFECT_API_AUTH_STRING"] == "ann:pw"


def test_the_sources_come_in_prefects_own_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[str, str]:
        server = configured_server()
        assert server
        assert get_current_settings().__class__().api.url == server.url
        return server.url, server.place

    write_profile(home, "http://profile/api")
    assert found()[0] == "http://profile/api"
    (home / "pyproject.toml").write_text('[tool.prefect.api]\nurl = "http://pyproject/api"\n')
    assert found() == ("http://pyproject/api", "pyproject.toml")
    (home / "prefect.toml").write_text('[api]\nurl = "http://toml/api"\n')
    assert found() == ("http://toml/api", "prefect.toml")
    (home / ".env").write_text("PREFECT_API_URL=http://file/api\n")
    assert found() == ("http://file/api", ".env")
    monkeypatch.setenv("PREFECT_API_URL", "http://variable/api")
    assert found() == ("http://variable/api", "the environment")


BROKEN = ["active = ", "[api", "\udce9", 'hush = "a\nb"']


@pytest.mark.parametrize("content", [*BROKEN, "active = 3\nprofiles = 4\n", '[profiles]\nagency = "x"\n'])
def test_a_file_of_profiles_that_prefect_fails_on_is_refused_by_its_name(home: Path, content: str) -> None:
    (home / "profiles.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refused, match=r"/profiles\.toml, which has settings of Prefect, cannot be read"):
        configured_server()


@pytest.mark.parametrize("name", ["prefect.toml", "pyproject.toml"])
@pytest.mark.parametrize("content", BROKEN)
def test_a_file_of_settings_that_prefect_fails_on_is_refused_by_its_name(home: Path, name: str, content: str) -> None:
    (home / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refused, match=rf"/{name}, which has settings of Prefect, cannot be read") as refused:
        check_prefect(Settings(_env_file=None))
    assert "hush" not in str(refused.value)


def test_a_folder_in_place_of_profiles_is_refused(home: Path) -> None:
    (home / "profiles.toml").mkdir()
    with pytest.raises(Refused, match=r"profiles\.toml.*cannot be read: Is a directory"):
        configured_server()


def test_a_dead_server_is_refused_with_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(home)
    with pytest.raises(
        Refused, match=r"127\.0\.0\.1:1/api does not answer.*remove PREFECT_API_URL from the Prefect profile"
    ):
        check_prefect(Settings(_env_file=None))
    monkeypatch.setenv("PREFECT_API_URL", DEAD)
    with pytest.raises(Refused, match=r"does not answer.*Start it, or unset PREFECT_API_URL\."):
        check_prefect(Settings(_env_file=None))


def ask(reply: Reply | None, **settings: str) -> tuple[str | None, list[Asked]]:
    with serving(lambda _asked: reply) as server:
        url = f"{server.base_url.removesuffix('/v1')}/api"
        return ask_server(PrefectServer(url, "the environment", settings)), server.asked


def test_a_server_that_answers_is_asked_for_its_version_once() -> None:
    fault, asked = ask(VERSION)
    assert fault is None
    assert [one.path for one in asked] == ["/api/admin/version"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply({"exception_message": "Unauthorized"}, 401), r"refused the login \(HTTP 401\).*PREFECT_API_AUTH_STRING"),
        (Reply({"detail": "Not Found"}, 404), "normally ends in /api"),
        (Reply(b"<html>", content_type="text/html"), "normally ends in /api"),
        (Reply(b"", 502), "does not answer"),
        (None, "does not answer"),
    ],
)
def test_a_server_that_cannot_be_used_is_said(reply: Reply | None, said: str) -> None:
    fault, _ = ask(reply)
    assert fault
    assert re.search(said, fault)
    assert "Nothing was spent" in fault


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_left_to_prefect(status: int) -> None:
    assert ask(Reply({}, status))[0] is None


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:4200/api",
        "localhost",
        "ftp://127.0.0.1/api",
        "prefect",
        "http://[::1",
        "http://127.0.0.1:abc/api",
        "http:///api",
    ],
)
def test_what_is_no_address_is_said(url: str) -> None:
    assert "no address" in str(ask_server(PrefectServer(url, "the environment", {})))


def test_a_password_in_the_address_is_not_repeated() -> None:
    assert "hush" not in str(ask_server(PrefectServer("http://ann:hush@127.0.0.1:1/api", "the environment", {})))


def test_the_login_is_sent() -> None:
    server = PrefectServer("http://127.0.0.1:1/api", "the environment", {"PREFECT_API_AUTH_STRING": "ann:pw"})
    assert login_of(server) == "Basic YW5uOnB3"
    assert login_of(server._replace(settings={"PREFECT_API_KEY": "pnu_1"})) == "Bearer pnu_1"
    assert login_of(server._replace(settings={})) is None


def test_a_home_that_cannot_be_made_is_refused_when_a_server_would_be_started_in_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("PREFECT_HOME", str(home / "file"))
    with pytest.raises(DestinationUnfit, match="PREFECT_HOME"):
        check_prefect(Settings(state_dir=home, _env_file=None))
