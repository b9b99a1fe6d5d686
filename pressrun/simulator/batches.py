"""Batches as stored and as clients see them.

Invariant: a batch is changed only in the transaction that read it, so that a cancellation and the runner's progress
never overwrite each other.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from itertools import islice
from math import floor
from time import time
from typing import Any

from pydantic import BaseModel

from pressrun.simulator.database import Database
from pressrun.simulator.errors import ApiError, invalid_value
from pressrun.simulator.faults import NO_FAULT, BatchFault, Faults
from pressrun.simulator.files import DEFAULT_LIFETIME
from pressrun.simulator.timeline import ROUNDING, Timeline

__all__ = ["Batch", "Batches", "NewBatch", "Spent"]

MOMENTS = "in_progress finalizing completed failed expired cancelling cancelled"
"""The states with a timestamp, in the object's order."""


class Spent(BaseModel):
    """Tokens of the answered lines."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, usage: dict[str, Any]) -> None:
        """Count the `usage` of one reply, of either endpoint."""
        into = usage.get("prompt_tokens_details") or {}
        out = usage.get("completion_tokens_details") or {}
        self.input += usage.get("prompt_tokens", usage.get("input_tokens", 0))
        self.cached += into.get("cached_tokens", 0)
        self.output += usage.get("completion_tokens", usage.get("output_tokens", 0))
        self.reasoning += out.get("reasoning_tokens", 0)

    def wire(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        }


class NewBatch(BaseModel):
    """A client's validated request."""

    endpoint: str
    input_file_id: str
    metadata: dict[str, str] | None = None
    output_lifetime: int = DEFAULT_LIFETIME
    """Seconds that the output and error files are kept."""


class Batch(NewBatch):
    """One batch; times are Unix seconds."""

    id: str
    created: float
    seconds: float
    """How long the batch takes."""
    expires: float
    cancelled: float | None = None
    """When the cancellation was requested."""
    status: str = "validating"
    moments: dict[str, int] = {}
    """When each state was reached."""
    entered: float = 0.0
    """When the current state was reached; `moments` has whole seconds, as OpenAI reports them."""
    inspected: bool = False
    """Whether the input file was validated, and its lines stored unless there are `problems`."""
    problems: list[dict[str, Any]] = []
    model: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    spent: Spent = Spent()
    output_file_id: str | None = None
    error_file_id: str | None = None
    fault: BatchFault = NO_FAULT
    """What goes wrong with it."""

    @property
    def done(self) -> int:
        return self.completed + self.failed

    @property
    def meant(self) -> int:
        """Lines to answer: all, unless a fault ends the batch early."""
        return floor(self.total * self.fault.share + ROUNDING) if self.fault.end else self.total

    def is_gone(self, now: float) -> bool:
        return self.fault.vanish is not None and now >= self.created + self.fault.vanish

    def is_listed(self, now: float) -> bool:
        return now >= self.created + self.fault.unlisted and not self.is_gone(now)

    @property
    def timeline(self) -> Timeline:
        return Timeline(created=self.created, seconds=self.seconds, expires=self.expires, cancelled=self.cancelled)

    def enter(self, status: str, now: float) -> None:
        self.status = status
        self.moments[status] = int(now)
        self.entered = now

    def wire(self) -> dict[str, Any]:
        """The batch object; counts and model are absent while it is validating, as at OpenAI."""
        seen = self.status not in ("validating", "failed")
        status = self.fault.status_text if self.fault.status_text and self.status == "in_progress" else self.status
        absent = "" if self.fault.empty_ids else None
        is_late = bool(self.fault.late_output) and time() < self.entered + self.fault.late_output
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model if seen else None,
            "errors": {"object": "list", "data": self.problems} if self.status == "failed" else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": status,
            "output_file_id": absent if is_late else self.output_file_id or absent,
            "error_file_id": absent if is_late else self.error_file_id or absent,
            "created_at": int(self.created),
            "expires_at": int(self.expires),
            **{f"{status}_at": self.moments.get(status) for status in MOMENTS.split()},
            "request_counts": {
                "total": self.total if seen else 0,
                "completed": self.completed + (self.fault.miscounted if seen else 0),
                "failed": self.failed,
            },
            "usage": None if self.fault.no_usage else self.spent.wire(),
            "metadata": self.metadata,
        }


class Batches:
    """The batches of one state directory."""

    def __init__(self, database: Database, *, batch_seconds: float, window_seconds: float, faults: Faults) -> None:
        self._database = database
        self._seconds = batch_seconds
        self._window = window_seconds
        self._faults = faults

    def create(self, wanted: NewBatch) -> Batch:
        now = time()
        fault = self._faults.of_batch(wanted.endpoint, (wanted.metadata or {}).get("sites"))
        batch = Batch(
            **wanted.model_dump(),
            id=f"batch_{secrets.token_hex(16)}",
            created=now,
            seconds=self._seconds if fault.seconds is None else fault.seconds,
            expires=now + self._window,
            fault=fault,
        )
        with self._database.transaction() as connection:
            values = (batch.id, batch.model_dump_json())
            connection.execute("INSERT INTO batches (id, live, record) VALUES (?, 1, ?)", values)
        return batch

    def get(self, batch_id: str) -> Batch:
        """Raises `ApiError` 404 when there is no batch with this id."""
        rows = self._database.rows("SELECT record FROM batches WHERE id = ?", batch_id)
        if not rows:
            raise ApiError(404, f"No batch found with id '{batch_id}'.")
        return Batch.model_validate_json(rows[0]["record"])

    def shown(self, batch_id: str) -> Batch:
        """Like `get`, for a client: a vanished batch is unknown."""
        batch = self.get(batch_id)
        if batch.is_gone(time()):
            raise ApiError(404, f"No batch found with id '{batch_id}'.")
        return batch

    def live(self) -> list[Batch]:
        """Batches that have not ended, oldest first."""
        rows = self._database.rows("SELECT record FROM batches WHERE live = 1 ORDER BY number")
        return [Batch.model_validate_json(row["record"]) for row in rows]

    def page(self, limit: int, after: str | None) -> tuple[list[Batch], bool]:
        """One page, newest first, and whether there are more. Batches hidden by a fault are skipped."""
        now = time()
        listed = (batch for batch in self._newest_first(after, limit + 1) if batch.is_listed(now))
        found = list(islice(listed, limit + 1))
        return found[:limit], len(found) > limit

    def _newest_first(self, after: str | None, at_a_time: int) -> Iterator[Batch]:
        before = self._number(after) if after is not None else 2**62
        query = "SELECT number, record FROM batches WHERE number < ? ORDER BY number DESC LIMIT ?"
        while rows := self._database.rows(query, before, at_a_time):
            yield from (Batch.model_validate_json(row["record"]) for row in rows)
            before = rows[-1]["number"]

    def save(self, connection: sqlite3.Connection, batch: Batch, *, live: bool = True) -> None:
        """Store a batch that was read in the same transaction."""
        values = (live, batch.model_dump_json(), batch.id)
        connection.execute("UPDATE batches SET live = ?, record = ? WHERE id = ?", values)

    def cancel(self, batch_id: str) -> Batch:
        """Start cancelling; repeating it changes nothing. Raises `ApiError` 404, or 409 when the batch has ended."""
        with self._database.transaction() as connection:
            batch = self.shown(batch_id)
            if batch.status in ("failed", "completed", "expired", "cancelled"):
                raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")
            if batch.cancelled is None and not batch.fault.deaf:
                now = time()
                batch.cancelled = now
                batch.enter("cancelling", now)
                self.save(connection, batch)
        return batch

    def _number(self, batch_id: str) -> int:
        rows = self._database.rows("SELECT number FROM batches WHERE id = ?", batch_id)
        if not rows:
            raise invalid_value("after", f"No batch found with id '{batch_id}'.")
        return int(rows[0]["number"])
