"""The ledger on disk, and the commitments that count against a cap.

Invariant: nothing in it is ever changed or deleted (the database itself refuses), a payment is in it once however often
it is recorded, and what is spent or committed is decided in one transaction, whatever else runs on this machine. A
process may be killed at any moment: what it had recorded stays, and what it had requested stays committed.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from pressrun.costs.database import append_only, opened, prepare, transaction
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.frozen import Frozen

__all__ = ["Commitment", "LedgerFile", "OverCap"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY, budget TEXT NOT NULL, call_id TEXT NOT NULL, site TEXT NOT NULL, answered_at TEXT NOT NULL,
    simulated INTEGER NOT NULL, cost_usd TEXT NOT NULL, row TEXT NOT NULL, entered_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_by_budget ON entries (budget, call_id);
CREATE INDEX IF NOT EXISTS entries_by_call ON entries (call_id);
CREATE INDEX IF NOT EXISTS entries_by_time ON entries (answered_at);
CREATE TABLE IF NOT EXISTS corrections (
    number INTEGER PRIMARY KEY, entry_id TEXT NOT NULL, cost_usd TEXT NOT NULL, row TEXT NOT NULL,
    made_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS corrections_by_entry ON corrections (entry_id, number);
CREATE VIEW IF NOT EXISTS payments AS
    SELECT id, budget, call_id, answered_at, simulated, COALESCE(later.cost_usd, entries.cost_usd) AS cost_usd,
        COALESCE(later.row, entries.row) AS row
    FROM entries LEFT JOIN corrections AS later
        ON later.number = (SELECT MAX(number) FROM corrections WHERE entry_id = entries.id);
CREATE TABLE IF NOT EXISTS unfit (entry_id TEXT PRIMARY KEY, judged_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS commitments (
    id TEXT PRIMARY KEY, budget TEXT NOT NULL, call_id TEXT NOT NULL, usd TEXT NOT NULL, admission TEXT NOT NULL,
    batch INTEGER NOT NULL, after TEXT NOT NULL, made_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS commitments_by_budget ON commitments (budget, call_id);
CREATE TABLE IF NOT EXISTS settled (id TEXT PRIMARY KEY, withdrawn INTEGER NOT NULL, settled_at TEXT NOT NULL);
"""
"""Amounts are text, because SQLite's numbers would round them. `row` is the `LedgerRow` as JSON. The last correction of
an entry counts."""
TABLES = ("entries", "corrections", "unfit", "commitments", "settled")
IS_OPEN = "id NOT IN (SELECT id FROM settled)"
NOT_WITHDRAWN = "id NOT IN (SELECT id FROM settled WHERE withdrawn)"


class OverCap(Exception):
    """The commitment would exceed the cap. Never leaves the tasks; all amounts are in USD."""

    def __init__(self, *, cap: Decimal, committed: Decimal, wanted: Decimal) -> None:
        super().__init__(f"{committed} of {cap} USD is spent or committed, and this may cost {wanted}")
        self.cap = cap
        self.committed = committed
        self.wanted = wanted


class Commitment(Frozen):
    """The highest possible cost of one call, until its actual cost is known."""

    call_id: str
    usd: Decimal


class LedgerFile:
    """One SQLite file for all sites of an installation; safe for many processes of one machine at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        prepare(path, SCHEMA + append_only(*TABLES))

    def enter(self, rows: Iterable[LedgerRow], *, budget: str, settles: str | None = None) -> None:
        """Record payments; one that is already in the ledger is left unchanged.

        `settles` names their commitment: it ends in the same transaction, so a payment is never counted twice or
        missed, wherever the process is killed.
        """
        now = _now()
        records = [
            (
                row.entry_id,
                budget,
                row.call_id,
                row.site,
                _utc(row.answered_at),
                row.simulated,
                f"{row.cost_usd:f}",
                row.model_copy(update={"reused": False}).model_dump_json(),
                now,
            )
            for row in rows
        ]
        with transaction(self.path) as database:
            database.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", records)
            if settles:
                _settle(database, [settles], withdrawn=False)

    def correct(self, row: LedgerRow) -> None:
        """Record what a payment really was; the original entry stays, and the last correction counts."""
        record = (row.entry_id, f"{row.cost_usd:f}", row.model_copy(update={"reused": False}).model_dump_json(), _now())
        with transaction(self.path) as database:
            database.execute("INSERT INTO corrections (entry_id, cost_usd, row, made_at) VALUES (?, ?, ?, ?)", record)

    def find(self, name: str) -> list[LedgerRow]:
        """The payments with this call id, or whose entry id begins with `name`."""
        query = "SELECT row FROM payments WHERE call_id = ? OR substr(id, 1, ?) = ? ORDER BY answered_at, id"
        with opened(self.path) as database:
            return [LedgerRow.model_validate_json(text) for (text,) in database.execute(query, (name, len(name), name))]

    def judge_unfit(self, entry_ids: Iterable[str]) -> None:
        """Record that these replies were paid for but were invalid."""
        with transaction(self.path) as database:
            database.executemany(
                "INSERT OR IGNORE INTO unfit VALUES (?, ?)", [(entry_id, _now()) for entry_id in entry_ids]
            )

    def rows(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        simulated: bool | None = None,
        budget: str | None = None,
        calls: Collection[str] | None = None,
        run_id: str | None = None,
    ) -> Iterator[LedgerRow]:
        """Payments by time of answer, from `since` up to (not including) `until`; None means no filter.

        `calls` are call ids. A row is `reused` when it was paid by a run other than `run_id`.
        """
        wheres, values = ["1"], []
        narrowed = {"answered_at >=": _utc(since), "answered_at <": _utc(until), "simulated =": simulated}
        for test, value in {**narrowed, "budget =": budget}.items():
            if value is not None:
                wheres.append(f"{test} ?")
                values.append(value)
        query = (
            "SELECT row, call_id, unfit.entry_id IS NOT NULL FROM payments LEFT JOIN unfit ON entry_id = id "
            f"WHERE {' AND '.join(wheres)} ORDER BY answered_at, id"
        )
        wanted = None if calls is None else frozenset(calls)
        with opened(self.path) as database:
            for text, call_id, is_unfit in database.execute(query, values):
                if wanted is None or call_id in wanted:
                    yield _row(text, is_unfit=bool(is_unfit), run_id=run_id)

    def answered(self, call_ids: Iterable[str], *, budget: str) -> dict[str, str | None]:
        """The calls among these that have a paid reply, with its batch (None: real time)."""
        wanted = frozenset(call_ids)
        found: dict[str, str | None] = {}
        for row in self.rows(budget=budget, calls=wanted):
            if row.status is not CallStatus.FAILED:
                found[row.call_id] = row.batch_id
        return found

    def latest_budget(self, work: str) -> str:
        """The budget that was last used for a piece of work: its own, or that of a run that started fresh."""
        # A range instead of a prefix comparison, so that the index is used.
        query = "SELECT budget FROM commitments WHERE budget BETWEEN ? AND ? ORDER BY rowid DESC LIMIT 1"
        with opened(self.path) as database:
            found = database.execute(query, (work, f"{work} ~")).fetchone()
        return str(found[0]) if found else work

    def committed(self, budget: str) -> Decimal:
        """USD spent, plus what may still be billed for calls in flight."""
        with opened(self.path) as database:
            return _committed(database, budget)

    def commit(self, commitment: Commitment, *, budget: str, cap: Decimal | None) -> str:
        """Commit to one real-time call before it is sent; returns the name to settle. Raises `OverCap`."""
        name = uuid4().hex
        with transaction(self.path) as database:
            committed = _committed(database, budget) if cap is not None else Decimal(0)
            if cap is not None and committed + commitment.usd > cap:
                raise OverCap(cap=cap, committed=committed, wanted=commitment.usd)
            _insert(database, name, commitment, budget=budget, admission=name, batch=False, after="")
        return name

    def admit(
        self, wanted: Sequence[Commitment], *, budget: str, cap: Decimal | None, after: str = ""
    ) -> frozenset[str]:
        """Commit to batched calls, in their order as far as the cap allows; returns the ids of those committed to.

        Calls that were admitted before stay admitted, whatever the cap is now: they may be at the provider. `after` is
        the batch that left them over.
        """
        with transaction(self.path) as database:
            query = f"SELECT call_id FROM commitments WHERE budget = ? AND batch AND after = ? AND {NOT_WITHDRAWN}"
            known = {call_id for (call_id,) in database.execute(query, (budget, after))}
            room = None if cap is None else cap - _committed(database, budget)
            admission = uuid4().hex
            admitted = []
            for commitment in wanted:
                if commitment.call_id not in known:
                    if room is not None and commitment.usd > room:
                        continue
                    room = None if room is None else room - commitment.usd
                    name = f"{admission} {commitment.call_id}"
                    _insert(database, name, commitment, budget=budget, admission=admission, batch=True, after=after)
                admitted.append(commitment.call_id)
        return frozenset(admitted)

    def admitted(self, *, budget: str) -> frozenset[str]:
        """The calls that were admitted to a batch and may be at the provider."""
        query = f"SELECT call_id FROM commitments WHERE budget = ? AND batch AND {NOT_WITHDRAWN}"
        with opened(self.path) as database:
            return frozenset(call_id for (call_id,) in database.execute(query, (budget,)))

    def settle(self, name: str) -> None:
        """End a commitment whose call will certainly not be billed."""
        with transaction(self.path) as database:
            _settle(database, [name], withdrawn=False)

    def settle_batch(self, call_ids: Collection[str], *, budget: str, after: str = "", withdrawn: bool = False) -> None:
        """End the commitments of a batch's calls: it has ended and its answers are in the ledger.

        `withdrawn`: it did not run at all, so its calls may later go into another batch.
        """
        wanted = frozenset(call_ids)
        query = f"SELECT id, call_id FROM commitments WHERE budget = ? AND batch AND after = ? AND {IS_OPEN}"
        with transaction(self.path) as database:
            names = [name for name, call_id in database.execute(query, (budget, after)) if call_id in wanted]
            _settle(database, names, withdrawn=withdrawn)


def _insert(database: sqlite3.Connection, name: str, commitment: Commitment, **columns: object) -> None:
    record = {"id": name, "call_id": commitment.call_id, "usd": f"{commitment.usd:f}", "made_at": _now(), **columns}
    names = ", ".join(record)
    database.execute(
        f"INSERT INTO commitments ({names}) VALUES ({', '.join('?' * len(record))})", tuple(record.values())
    )


def _settle(database: sqlite3.Connection, names: Iterable[str], *, withdrawn: bool) -> None:
    records = [(name, withdrawn, _now()) for name in names]
    database.executemany("INSERT OR IGNORE INTO settled VALUES (?, ?, ?)", records)


def _spent(database: sqlite3.Connection, budget: str) -> Decimal:
    return _sum(database.execute("SELECT cost_usd FROM payments WHERE budget = ?", (budget,)))


def _committed(database: sqlite3.Connection, budget: str) -> Decimal:
    under_way = database.execute(f"SELECT usd FROM commitments WHERE budget = ? AND {IS_OPEN}", (budget,))
    return _spent(database, budget) + _sum(under_way)


def _sum(amounts: Iterable[tuple[str]]) -> Decimal:
    return sum((Decimal(amount) for (amount,) in amounts), Decimal(0))


def _row(text: str, *, is_unfit: bool, run_id: str | None) -> LedgerRow:
    row = LedgerRow.model_validate_json(text)
    changes: dict[str, Any] = {}
    if is_unfit:
        changes["status"] = CallStatus.INVALID
    if run_id is not None and row.run_id != run_id:
        changes["reused"] = True
    return row.model_copy(update=changes) if changes else row


def _utc(moment: datetime | None) -> str | None:
    """One format for all times, so that they can be compared as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
