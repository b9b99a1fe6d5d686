"""The SQLite file of the ledger: how it is opened, and what it refuses.

Invariant: what a transaction has written is on disk before anything relies on it, and `append_only` tables refuse every
change.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from pressrun.errors import LedgerFailed, Refused
from pressrun.private import private_file, state_folder

__all__ = ["append_only", "opened", "prepare", "transaction"]

PATIENCE = 60.0
"""Seconds to wait for another process's transaction."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is closed at the end of the block."""
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
        # Durable before the next request goes out, not merely consistent.
        database.execute("PRAGMA synchronous=FULL")
        yield database


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction that excludes other writers; rolled back when the block raises.

    Raises `LedgerFailed` when the database refuses to write.
    """
    try:
        with opened(path) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise LedgerFailed(
            f"The ledger {path} could not be written to ({error}). Every answer that was paid for is stored. Make "
            "room, or make the file writable, then run again to continue from here."
        ) from error


def prepare(path: Path, schema: str) -> None:
    """Make the file fit for use: create what `schema` declares and the file lacks.

    Raises `Refused` when it is no database, cannot be written to, or has tables of another version of Pressrun.
    """
    try:
        state_folder(path.parent)
        with opened(private_file(path)) as database:
            _require_same(path, _columns(database), schema)
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(schema)
    except (sqlite3.Error, OSError) as error:
        raise Refused(
            f"{path} cannot be used as a ledger ({error}). It was not changed, and nothing was spent. Move it away, or "
            "set PRESSRUN_STATE_DIR to another folder."
        ) from None


def _require_same(path: Path, found: dict[str, list[str]], schema: str) -> None:
    if other := [name for name, columns in _declared(schema).items() if found.get(name, columns) != columns]:
        raise Refused(
            f"{path} was written by another version of Pressrun (its tables differ: {', '.join(other)}). It was not "
            "changed, and nothing was spent. Use that version, or set PRESSRUN_STATE_DIR to another folder."
        )


@cache
def _declared(schema: str) -> dict[str, list[str]]:
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(schema)
        return _columns(empty)


def _columns(database: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each table."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    names = [name for (name,) in database.execute(query).fetchall()]
    return {name: [column[1] for column in database.execute(f'PRAGMA table_info("{name}")')] for name in names}


def append_only(*tables: str) -> str:
    """SQL that makes the database itself refuse to change or delete rows of these tables."""
    return "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;\n"
        for table in tables
        for verb in ("UPDATE", "DELETE")
    )
