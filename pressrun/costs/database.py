"""The SQLite file of the ledger: how it is opened, and what it refuses.

Invariant: what a transaction has written is on disk before anything relies on it, and `append_only` tables refuse every
change.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pressrun.errors import LedgerFailed

__all__ = ["append_only", "opened", "transaction"]

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


def append_only(*tables: str) -> str:
    """SQL that makes the database itself refuse to change or delete rows of these tables."""
    return "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;\n"
        for table in tables
        for verb in ("UPDATE", "DELETE")
    )
