"""Files as a provider lists them.

Invariant: whatever JSON a server sends is read without failing, and missing data is None, never a guess.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from pressrun.frozen import Frozen
from pressrun.routes.replies import by_our_clock
from pressrun.wire import count, ident, text

__all__ = ["FileListing", "FileRecord"]

INPUT_NAME = re.compile(r"pressrun-[0-9a-f]{32}\.jsonl|[0-9a-f]{16}\.jsonl")


class FileRecord(Frozen):
    """A file at the provider."""

    id: str
    name: str
    purpose: str | None
    size: int | None
    """Bytes."""
    created_at: datetime | None

    @property
    def is_our_input(self) -> bool:
        return self.purpose in ("batch", None) and INPUT_NAME.fullmatch(self.name) is not None

    @classmethod
    def read(cls, record: dict[str, Any], ahead: timedelta = timedelta(0)) -> "FileRecord":
        """Read a file object. `ahead` is how far the provider's clock is ahead of ours."""
        return cls(
            id=ident(record.get("id")) or "",
            name=text(record.get("filename")) or "",
            purpose=text(record.get("purpose")),
            size=count(record.get("bytes")),
            created_at=by_our_clock(record.get("created_at"), ahead),
        )


class FileListing(Frozen):
    """Files, in the provider's order; `is_complete` is false when the bound was reached."""

    files: tuple[FileRecord, ...]
    is_complete: bool
