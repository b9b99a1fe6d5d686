"""Which calls share a batch: a record of every shard, written before its batch can exist.

Invariant: a call that may be at the provider is in exactly one recorded shard of its budget, so the next run that
orders it, alone or together with other calls, uses that batch instead of creating another.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from pressrun.costs.database import append_only, opened, transaction
from pressrun.private import private_file, private_folder
from pressrun.sharding import Shard

__all__ = ["SHARDS", "ShardFile"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS shards (id TEXT PRIMARY KEY, shard TEXT NOT NULL, recorded_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS members (
    budget TEXT NOT NULL, after TEXT NOT NULL, call_id TEXT NOT NULL, shard TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS members_by_budget ON members (budget, after, call_id);
CREATE INDEX IF NOT EXISTS members_by_shard ON members (shard);
CREATE TABLE IF NOT EXISTS dropped (shard TEXT PRIMARY KEY, dropped_at TEXT NOT NULL);
"""
"""`shard` is a `Shard` as JSON in the first table, and its record's id in the others."""
SHARDS = "shards"
"""Name of the folder of input files."""
TABLES = ("shards", "members", "dropped")
IS_LIVE = "shard NOT IN (SELECT shard FROM dropped)"


class ShardFile:
    """The records of an installation, in the ledger's file; safe for concurrent processes on one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent / SHARDS
        """Where the input files are, for the run that has to upload them."""
        private_folder(self.folder)
        with opened(private_file(path)) as database:
            database.executescript(SCHEMA + append_only(*TABLES))

    def of(self, call_ids: Iterable[str], *, budget: str, after: str | None = None) -> dict[str, Shard]:
        """The shards that contain these calls, by call id; `after` is the batch that left the calls unanswered."""
        wanted = frozenset(call_ids)
        query = f"SELECT call_id, shard FROM members WHERE budget = ? AND after = ? AND {IS_LIVE}"
        with opened(self.path) as database:
            found = {call: shard for call, shard in database.execute(query, (budget, after or "")) if call in wanted}
            shards = {record: self._read(database, record) for record in set(found.values())}
        return {call_id: shards[record] for call_id, record in found.items()}

    def record(self, shards: Sequence[Shard], budgets: Mapping[str, str]) -> list[Shard] | None:
        """Record new shards, whose calls count against `budgets` (by call id), and move their input files here.

        Returns them with their records. Returns None and records nothing when another process has meanwhile put one of
        the calls into a shard.
        """
        recorded = [self._taken_over(shard) for shard in shards]
        members = [
            (budgets[call_id], shard.after or "", call_id, shard.record) for shard in recorded for call_id in shard.ids
        ]
        taken = f"SELECT 1 FROM members WHERE budget = ? AND after = ? AND call_id = ? AND {IS_LIVE}"
        now = datetime.now(UTC).isoformat()
        with transaction(self.path) as database:
            if any(database.execute(taken, member[:3]).fetchone() for member in members):
                return None
            database.executemany(
                "INSERT INTO shards VALUES (?, ?, ?)",
                [(shard.record, shard.model_dump_json(), now) for shard in recorded],
            )
            database.executemany("INSERT INTO members VALUES (?, ?, ?, ?)", members)
        return recorded

    def drop(self, shard: Shard) -> dict[str, list[str]]:
        """Drop a shard whose batch did not run and never will; returns the released calls, by budget."""
        with transaction(self.path) as database:
            now = datetime.now(UTC).isoformat()
            database.execute("INSERT OR IGNORE INTO dropped VALUES (?, ?)", (shard.record, now))
            return self._members(database, shard)

    def by_budget(self, shard: Shard) -> dict[str, list[str]]:
        """The calls of a recorded shard, by budget."""
        with opened(self.path) as database:
            return self._members(database, shard)

    def forget_files(self, older_than: timedelta) -> None:
        """Delete input files that are too old to be uploaded again."""
        oldest = (datetime.now(UTC) - older_than).timestamp()
        for file in self.folder.glob("*.jsonl"):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)

    def _taken_over(self, shard: Shard) -> Shard:
        path = private_file(shard.path.replace(self.folder / shard.path.name))
        return shard.model_copy(update={"record": uuid4().hex, "path": path})

    def _members(self, database: sqlite3.Connection, shard: Shard) -> dict[str, list[str]]:
        members: dict[str, list[str]] = {}
        query = "SELECT budget, call_id FROM members WHERE shard = ?"
        for budget, call_id in database.execute(query, (shard.record,)):
            members.setdefault(budget, []).append(call_id)
        return members

    def _read(self, database: sqlite3.Connection, record: str) -> Shard:
        (text,) = database.execute("SELECT shard FROM shards WHERE id = ?", (record,)).fetchone()
        shard = Shard.model_validate_json(text)
        # The folder may have been moved.
        return shard.model_copy(update={"path": self.folder / shard.path.name})
