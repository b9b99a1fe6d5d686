"""Files that clients upload, and result files of batches.

Invariant: a listed file is complete on disk, because it is first written under another name. Names on disk are ids
created here, so a client's file name never becomes a path.
"""

import os
import secrets
import sqlite3
import string
from collections.abc import Iterable
from pathlib import Path
from time import time
from typing import Any

from pressrun.private import private_folder, private_opener
from pressrun.simulator.database import Database
from pressrun.simulator.errors import ApiError, invalid_value

__all__ = ["DEFAULT_LIFETIME", "Files", "new_file_id"]

DEFAULT_LIFETIME = 30 * 86_400
"""Seconds that a batch's file is kept by default."""
PARTIAL = ".part"


class Files:
    """The files of one state directory."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        private_folder(folder)
        for leftover in folder.glob(f"*{PARTIAL}"):
            leftover.unlink()

    def write(self, file_id: str, chunks: Iterable[bytes]) -> int:
        """Write the content to disk, completely or not at all, and return its size in bytes; `register` lists it."""
        target = self._folder / file_id
        partial = target.with_suffix(PARTIAL)
        with open(partial, "wb", opener=private_opener) as stream:
            stream.writelines(chunks)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(target)
        return target.stat().st_size

    def register(
        self, connection: sqlite3.Connection, file_id: str, filename: str, purpose: str, lifetime: float
    ) -> None:
        """List a written file; `lifetime` is in seconds from now."""
        now = time()
        connection.execute(
            "INSERT INTO files (id, filename, purpose, bytes, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
            (file_id, filename, purpose, self.path(file_id).stat().st_size, now, now + lifetime),
        )

    def add(self, chunks: Iterable[bytes], filename: str, purpose: str, lifetime: float) -> dict[str, Any]:
        """Store an uploaded file and return its object."""
        file_id = new_file_id()
        self.write(file_id, chunks)
        with self._database.transaction() as connection:
            self.register(connection, file_id, filename, purpose, lifetime)
        return self.get(file_id)

    def get(self, file_id: str) -> dict[str, Any]:
        """The file's object. Raises `ApiError` 404 when it is unknown, deleted or expired."""
        rows = self._database.rows("SELECT * FROM files WHERE id = ? AND expires > ?", file_id, time())
        if not rows:
            raise ApiError(404, f"No such File object: {file_id}", param="id")
        return _wire(rows[0])

    def path(self, file_id: str) -> Path:
        """The path of a file; only for ids created here."""
        return self._folder / file_id

    def page(self, limit: int, after: str | None, purpose: str | None, *, ascending: bool) -> tuple[list[Any], bool]:
        """Objects of one page, and whether there are more."""
        rows = self._database.rows(
            "SELECT * FROM files WHERE expires > ? AND (? IS NULL OR purpose = ?) ORDER BY number",
            time(),
            purpose,
            purpose,
        )
        objects = [_wire(row) for row in (rows if ascending else reversed(rows))]
        if after is not None:
            ids = [listed["id"] for listed in objects]
            if after not in ids:
                raise invalid_value("after", f"No such File object: {after}")
            objects = objects[ids.index(after) + 1 :]
        return objects[:limit], len(objects) > limit

    def delete(self, file_id: str) -> dict[str, Any]:
        self.get(file_id)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
        self.path(file_id).unlink(missing_ok=True)
        return {"id": file_id, "object": "file", "deleted": True}


def new_file_id() -> str:
    alphabet = string.ascii_letters + string.digits
    return "file-" + "".join(secrets.choice(alphabet) for _ in range(22))


def _wire(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": int(row["created"]),
        "expires_at": int(row["expires"]),
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": "processed",
        "status_details": None,
    }
