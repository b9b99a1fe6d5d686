"""What is refused as a ledger."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pressrun.costs.ledgerfile import LedgerFile
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
    with pytest.raises(Refused, match=r"another version of Pressrun \(its tables differ: entries\)"):
        LedgerFile(path)
    assert path.read_bytes() == before


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
