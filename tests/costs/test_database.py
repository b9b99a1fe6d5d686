"""What is refused as a ledger."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pressrun.costs.database import require_writable
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.shardfile import ShardFile
from pressrun.errors import Refused


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("no database at all, really not")
    with pytest.raises(Refused, match=r"ledger\.sqlite cannot be used as a ledger \(file is not a database\)"):
        LedgerFile(path)
    assert path.read_text() == "no database at all, really not"


def test_tables_of_another_version_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE entries (id TEXT PRIMARY KEY, colour TEXT)")
    before = path.read_bytes()
    with pytest.raises(Refused, match=r"is not a ledger of this version of Pressrun \(it has entries\)"):
        LedgerFile(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["payments (a)", "notes (a)"], ids=["a view's name", "a name of its own"])
def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path, table: str) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE {table}")
    before = path.read_bytes()
    with pytest.raises(Refused, match="is not a ledger of this version of Pressrun"):
        LedgerFile(path)
    assert path.read_bytes() == before


def test_shards_may_be_the_first_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ShardFile(path)
    assert list(LedgerFile(path).rows()) == []


def test_a_ledger_that_takes_no_entry_can_be_read_and_is_refused_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite"
    LedgerFile(path)
    require_writable(path)
    connect = sqlite3.connect

    def read_only(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA query_only=1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert list(LedgerFile(path).rows()) == []
    with pytest.raises(Refused, match="attempt to write a readonly database"):
        require_writable(path)


def test_a_folder_that_cannot_be_made_and_a_ledger_that_is_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "ledger.sqlite", tmp_path):
        with pytest.raises(Refused, match="PRESSRUN_STATE_DIR"):
            LedgerFile(path)


def test_a_ledger_with_a_table_less_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    LedgerFile(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE unfit")
    assert list(LedgerFile(path).rows()) == []
