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

__all__ = ["append_only", "opened", "prepare", "require_writable", "transaction"]

OURS = frozenset({"entries", "shards"})
"""Tables by which a database is known as ours: payments and shards are in one file, whichever comes first."""
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

    Raises `Refused` when it is no database, cannot be written to, or is not a ledger of this version of Pressrun.
    """
    try:
        state_folder(path.parent)
        with opened(private_file(path)) as database:
            _require_same(path, _columns(database), schema)
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(schema)
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from None


def require_writable(path: Path) -> None:
    """Raise `Refused` when a ledger that exists cannot be written to; `prepare` writes only what a ledger lacks."""
    try:
        with opened(path) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("PRAGMA user_version=1")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: Exception) -> Refused:
    return Refused(
        f"{path} cannot be used as a ledger ({error}). It was not changed, and nothing was spent. Make it readable and "
        "writable for this user, move it away if it is no ledger, or set PRESSRUN_STATE_DIR to another folder."
    )


def _require_same(path: Path, found: dict[str, list[str]], schema: str) -> None:
    """Raise `Refused` for a database of something else, or with tables that are not those of `schema`."""
    declared = _declared(schema)
    if (found and not found.keys() & OURS) or any(
        found.get(name, columns) != columns for name, columns in declared.items()
    ):
        raise Refused(
            f"{path} is not a ledger of this version of Pressrun (it has {', '.join(found)}). It was not changed, and "
            "nothing was spent. Use the version that wrote it, or set PRESSRUN_STATE_DIR to another folder."
        )


@cache
def _declared(schema: str) -> dict[str, list[str]]:
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(schema)
        return _columns(empty)


def _columns(database: sqlite3.Connection) -> dict[str, list[str]]:
    """The kind and columns of each table and view."""
    query = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
    found = database.execute(query).fetchall()
    return {
        name: [kind, *(column[1] for column in database.execute(f'PRAGMA table_info("{name}")'))]
        for name, kind in found
    }


def append_only(*tables: str) -> str:
    """SQL that makes the database itself refuse to change or delete rows of these tables."""
    return "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;\n"
        for table in tables
        for verb in ("UPDATE", "DELETE")
    )
