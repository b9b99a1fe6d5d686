"""The lines of a running batch, and its two result files.

Invariant: an answered line is never answered again; every line ends up in exactly one of the two files.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any

from pressrun.simulator.batches import Batch
from pressrun.simulator.database import Database
from pressrun.simulator.input_file import Line

__all__ = ["MISWRITTEN", "clear_lines", "error_lines", "keep_answer", "keep_lines", "output_lines", "pending_lines"]

CHUNK = 1000
"""Lines inserted per transaction, so that polls are answered in between."""
PAGE = 8
"""Answers read at a time; an image has megabytes."""
MISWRITTEN = {"missing", "duplicate", "garbage", "stranger"}
"""Faults that affect a line only in the file."""
NEVER_RAN = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}


def keep_lines(database: Database, batch_id: str, lines: Iterator[Line]) -> None:
    """Store the lines of a validated file; repeating it changes nothing."""
    while chunk := list(islice(lines, CHUNK)):
        with database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO lines (batch, number, request) VALUES (?, ?, ?)",
                [(batch_id, line.number, json.dumps([line.custom_id, line.body])) for line in chunk],
            )


def pending_lines(database: Database, batch_id: str, count: int) -> list[Line]:
    """The next lines to answer, last first, because OpenAI does not keep the input's order either."""
    query = "SELECT * FROM lines WHERE batch = ? AND status IS NULL ORDER BY number DESC LIMIT ?"
    return [Line(row["number"], *json.loads(row["request"])) for row in database.rows(query, batch_id, count)]


def keep_answer(
    connection: sqlite3.Connection, batch_id: str, line: Line, status: int, reply: dict[str, Any], fault: str | None
) -> None:
    if fault:
        values = (batch_id, line.number, fault)
        connection.execute("INSERT OR REPLACE INTO line_faults (batch, number, kind) VALUES (?, ?, ?)", values)
    connection.execute(
        "UPDATE lines SET status = ?, reply = ? WHERE batch = ? AND number = ?",
        (status, json.dumps(reply), batch_id, line.number),
    )


def clear_lines(connection: sqlite3.Connection, batch_id: str) -> None:
    connection.execute("DELETE FROM lines WHERE batch = ?", (batch_id,))
    connection.execute("DELETE FROM line_faults WHERE batch = ?", (batch_id,))


def output_lines(database: Database, batch: Batch) -> Iterator[bytes]:
    """The content of the output file: successfully answered lines."""
    query = "SELECT number, kind FROM line_faults WHERE batch = ?"
    faults = {row["number"]: row["kind"] for row in database.rows(query, batch.id)}
    for row in _rows(database, batch.id, "status = 200"):
        line = _answered(row, batch)
        yield from _miswritten(line, row, faults[row["number"]]) if row["number"] in faults else (line,)


def _miswritten(line: bytes, row: sqlite3.Row, kind: str) -> list[bytes]:
    custom_id, _ = json.loads(row["request"])
    stranger = line.replace(json.dumps(custom_id).encode(), b'"nobody-asked-for-this"', 1)
    written = {"missing": [], "duplicate": [line, line], "garbage": [line[: len(line) // 2] + b"\n"]}
    return written.get(kind, [line, stranger])


def error_lines(database: Database, batch: Batch, final_status: str) -> Iterator[bytes]:
    """The content of the error file: failed lines, and lines that were not executed when the batch ended."""
    for row in _rows(database, batch.id, "status IS NOT 200"):
        yield _answered(row, batch) if row["status"] else _left_undone(row, final_status, batch)


def _rows(database: Database, batch_id: str, condition: str) -> Iterable[sqlite3.Row]:
    before = 2**62
    query = f"SELECT * FROM lines WHERE batch = ? AND number < ? AND {condition} ORDER BY number DESC LIMIT {PAGE}"
    while rows := database.rows(query, batch_id, before):
        yield from rows
        before = rows[-1]["number"]


def _answered(row: sqlite3.Row, batch: Batch) -> bytes:
    body = row["reply"] if batch.fault.body_as_text else json.loads(row["reply"])
    response = {
        "status_code": row["status"],
        "request_id": _digest("request", row)[:32],
        "body": body,
    }
    return _line(row, response=response, error=None)


def _left_undone(row: sqlite3.Row, final_status: str, batch: Batch) -> bytes:
    code, message = NEVER_RAN[final_status]
    error = {"code": code, "message": message}
    return _line(row, error=error) if batch.fault.bare_errors else _line(row, response=None, error=error)


def _line(row: sqlite3.Row, **result: dict[str, Any] | None) -> bytes:
    custom_id, _ = json.loads(row["request"])
    line = {"id": f"batch_req_{_digest('line', row)[:32]}", "custom_id": custom_id, **result}
    return json.dumps(line).encode() + b"\n"


def _digest(kind: str, row: sqlite3.Row) -> str:
    return sha256(f"{kind} {row['batch']} {row['number']}".encode()).hexdigest()
