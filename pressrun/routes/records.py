"""Batches and files as a provider lists them, for people who want to know.

Invariant: whatever JSON a server sends is read without failing: unknown statuses survive, falsy ids are absent, and
what is not told is None, never a guess.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pressrun.calls import Frozen

__all__ = ["BatchListing", "BatchRecord", "FileListing", "FileRecord"]

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
WINDOW = timedelta(days=1)
"""After this a batch expires, if the provider does not say when."""
SITES_CUT = 512
"""Characters at which the list of sites in the metadata is cut."""
INPUT_NAME = re.compile(r"pressrun-[0-9a-f]{32}\.jsonl|[0-9a-f]{16}\.jsonl")


class BatchRecord(Frozen):
    """A batch as the provider lists it; times are aware UTC, and what is not told is None."""

    id: str
    status: str
    """As the provider spells it, which may be a word that OpenAI does not have."""
    created_at: datetime | None
    expires_at: datetime | None
    """When it ends at the latest."""
    ended_at: datetime | None
    key: str | None
    """Of the work, by which a run finds it again; None when the batch is not Pressrun's."""
    run_id: str | None
    """The flow run that created it."""
    after: str | None
    """The batch whose leftovers it does."""
    sites: tuple[str, ...]
    """Slugs, sorted. The last one may be a fragment, see `sites_cut`."""
    sites_cut: bool
    total: int
    completed: int
    failed: int
    endpoint: str | None
    model: str | None
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    problems: tuple[str, ...]
    """What validation found, one line each."""

    @property
    def is_ours(self) -> bool:
        return self.key is not None

    @property
    def is_live(self) -> bool:
        return self.status not in ENDED

    @property
    def files(self) -> dict[str, str]:
        """Ids of the files that it names, by what they are."""
        named = {"input": self.input_file_id, "output": self.output_file_id, "error": self.error_file_id}
        return {what: file_id for what, file_id in named.items() if file_id}

    def may_hold(self, site: str) -> bool:
        """Whether work of the site is in it; where the list of sites was cut, whether it may be."""
        return site in self.sites or (self.sites_cut and site >= self.sites[-1])

    @classmethod
    def read(cls, record: dict[str, Any]) -> "BatchRecord":
        """Read a batch object, whatever is missing or odd in it."""
        metadata, counts = _mapping(record.get("metadata")), _mapping(record.get("request_counts"))
        status = _text(record.get("status")) or "unknown"
        created_at = _moment(record.get("created_at"))
        sites = _text(metadata.get("sites")) or ""
        return cls(
            id=_text(record.get("id")) or "",
            status=status,
            created_at=created_at,
            expires_at=_moment(record.get("expires_at")) or (created_at + WINDOW if created_at else None),
            ended_at=_moment(record.get(f"{status}_at")) if status in ENDED else None,
            key=_text(metadata.get("pressrun_key")),
            run_id=_text(metadata.get("flow_run_id")),
            after=_text(metadata.get("pressrun_after")),
            sites=tuple(slug for slug in sites.split(",") if slug),
            sites_cut=len(sites) >= SITES_CUT,
            total=_count(counts.get("total")) or 0,
            completed=_count(counts.get("completed")) or 0,
            failed=_count(counts.get("failed")) or 0,
            endpoint=_text(record.get("endpoint")),
            model=_text(record.get("model")),
            input_file_id=_text(record.get("input_file_id")),
            output_file_id=_text(record.get("output_file_id")),
            error_file_id=_text(record.get("error_file_id")),
            problems=tuple(_problems(record.get("errors"))),
        )


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
    def read(cls, record: dict[str, Any]) -> "FileRecord":
        return cls(
            id=_text(record.get("id")) or "",
            name=_text(record.get("filename")) or "",
            purpose=_text(record.get("purpose")),
            size=_count(record.get("bytes")),
            created_at=_moment(record.get("created_at")),
        )


class BatchListing(Frozen):
    """Batches, newest first."""

    batches: tuple[BatchRecord, ...]
    is_complete: bool
    """False when the bound was reached, so that older ones were not seen."""


class FileListing(Frozen):
    """Files, in the provider's order; `is_complete` as for batches."""

    files: tuple[FileRecord, ...]
    is_complete: bool


def _text(value: Any) -> str | None:
    """Some servers say "" where OpenAI says null."""
    return value if isinstance(value, str) and value else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _moment(seconds: Any) -> datetime | None:
    if type(seconds) not in (int, float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _problems(errors: Any) -> Iterator[str]:
    """`line 2: duplicate_custom_id: ...`; every member may be null."""
    data = _mapping(errors).get("data")
    for problem in data if isinstance(data, list) else ():
        told = _mapping(problem)
        line = f"line {told['line']}: " if _count(told.get("line")) else ""
        yield f"{line}{_text(told.get('code')) or 'unknown'}: {_text(told.get('message')) or 'no reason given'}"
