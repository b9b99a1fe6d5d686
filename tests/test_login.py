"""Where the login of the Prefect server comes from."""

import stat
from pathlib import Path

import pytest

from pressrun.errors import Refused
from pressrun.login import CLIENT, SERVER, kept_login, login_for, new_login


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SERVER, CLIENT):
        monkeypatch.delenv(name, raising=False)


def test_a_login_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    first, second = login_for(tmp_path / "up"), login_for(tmp_path / "up")
    assert (first.is_new, second.is_new) == (True, False)
    assert first.text == second.text
    assert first.file and stat.S_IMODE(first.file.stat().st_mode) == 0o600
    assert first.file.read_text() == f"{first.text}\n"


def test_a_login_is_different_each_time_and_in_prefects_form() -> None:
    made = {new_login() for _ in range(10)}
    assert len(made) == 10
    assert all(login.startswith("pressrun:") and len(login) > 40 for login in made)


@pytest.mark.parametrize("name", [SERVER, CLIENT])
def test_a_login_that_is_set_is_used_and_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "admin:pass")
    login = login_for(tmp_path)
    assert (login.text, login.file, login.is_new) == ("admin:pass", None, False)
    assert not list(tmp_path.iterdir())


def test_two_logins_that_differ_are_refused_without_showing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVER, "admin:pass")
    monkeypatch.setenv(CLIENT, "admin:other")
    with pytest.raises(Refused, match=rf"{SERVER} and {CLIENT} are set and differ") as refused:
        kept_login(tmp_path)
    assert "admin" not in str(refused.value)


def test_the_kept_login_that_is_exported_is_still_the_one_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = login_for(tmp_path)
    monkeypatch.setenv(CLIENT, kept.text)
    assert login_for(tmp_path).file == kept.file


def test_there_is_no_login_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert kept_login(tmp_path / "file") is None


def test_a_login_is_not_in_what_is_printed_of_it(tmp_path: Path) -> None:
    login = login_for(tmp_path)
    assert login.text not in repr(login)
