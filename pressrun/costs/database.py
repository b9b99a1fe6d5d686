"""The SQLite file of the ledger: how it is opened, and what it refuses.

Invariant: what a transaction has written is on disk before anything is done because of it, and tables that are
`append_only` refuse every change.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["append_only", "opened", "transaction"]

PATIENCE = 60.0
"""Seconds to wait for another process's transaction."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for the length of the block."""
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
        # Durable before the next request goes out, not merely consistent.
        database.execute("PRAGMA synchronous=FULL")
        yield database


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction that no other process writes beside; undone when the block raises."""
    with opened(path) as database:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


def append_only(*tables: str) -> str:
    """SQL by which the database itself refuses to change or delete a row of these tables."""
    return "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;\n"
        for table in tables
        for verb in ("UPDATE", "DELETE")
    )
