"""Who may read what Pressrun keeps for itself."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.shardfile import ShardFile
from pressrun.private import private_file, private_folder, private_opener, state_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def an_open_umask() -> object:
    """As on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_folder_and_its_missing_parents_are_the_owners(tmp_path: Path) -> None:
    assert mode(private_folder(tmp_path / "state" / "up")) == mode(tmp_path / "state") == 0o700


def test_a_folder_of_ours_that_was_wider_becomes_private(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir(0o755)
    assert mode(private_folder(tmp_path / "up")) == 0o700


def test_a_state_folder_that_was_wider_becomes_private(tmp_path: Path) -> None:
    (tmp_path / "state" / "up").mkdir(parents=True)
    (tmp_path / "state" / "ledger.sqlite-wal").touch()
    assert mode(state_folder(tmp_path / "state")) == 0o700


@pytest.mark.parametrize("others", ["letters", "sites"])
def test_a_state_folder_that_holds_anything_else_keeps_its_mode(tmp_path: Path, others: str) -> None:
    (tmp_path / "home" / others).mkdir(parents=True)
    (tmp_path / "home" / "ledger.sqlite").touch()
    assert mode(state_folder(tmp_path / "home")) == 0o755


def test_an_empty_folder_that_a_person_made_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "chosen").mkdir()
    assert mode(state_folder(tmp_path / "chosen")) == 0o755


def test_the_working_directory_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "up").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert mode(state_folder(Path())) == 0o755


def test_a_file_is_private_before_anything_is_in_it_and_one_that_was_wider_becomes_so(tmp_path: Path) -> None:
    assert mode(private_file(tmp_path / "new")) == 0o600
    (tmp_path / "old").write_text("kept")
    assert mode(private_file(tmp_path / "old")) == 0o600
    assert (tmp_path / "old").read_text() == "kept"
    with open(tmp_path / "opened", "w", opener=private_opener):
        assert mode(tmp_path / "opened") == 0o600


def test_a_link_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "up").symlink_to(tmp_path / "theirs")
    private_folder(tmp_path / "up")
    assert mode(tmp_path / "theirs") == 0o755


def test_a_file_in_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "up").touch()
    with pytest.raises(OSError, match="is not a folder"):
        private_folder(tmp_path / "up")


def test_a_ledger_is_private_with_all_that_sqlite_keeps_beside_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(0o755)
    for name in ("ledger.sqlite", "ledger.sqlite-wal"):
        (state / name).touch(0o644)
    LedgerFile(state / "ledger.sqlite")
    ShardFile(state / "ledger.sqlite")
    assert mode(state) == 0o700
    assert {mode(path) for path in state.iterdir()} == {0o600, 0o700}


def test_the_locks_that_this_process_has_on_a_file_outlast_making_it_private(tmp_path: Path) -> None:
    """Another process must not write to a ledger during our transaction (sqlite.org/howtocorrupt.html, 2.2)."""
    path = private_file(tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("BEGIN EXCLUSIVE")
        private_file(path)
        write = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('INSERT INTO t VALUES (1)')"
        other = subprocess.run([sys.executable, "-c", write, str(path)], capture_output=True, text=True, check=False)
    assert "database is locked" in other.stderr
