"""Batches and files as a provider lists them, for people.

Invariant: whatever JSON a server sends is read without failing: unknown statuses are kept, falsy ids are absent, and
missing data is None, never a guess.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pressrun.calls import Frozen
from pressrun.routes.batch.view import TERMINAL
from pressrun.wire import count, mapping, moment, text

__all__ = ["BatchListing", "BatchRecord", "FileListing", "FileRecord"]

WINDOW = timedelta(days=1)
"""When a batch expires, if the provider does not say."""
SITES_CUT = 512
"""Characters after which the list of sites in the metadata is truncated."""
INPUT_NAME = re.compile(r"pressrun-[0-9a-f]{32}\.jsonl|[0-9a-f]{16}\.jsonl")


class BatchRecord(Frozen):
    """A batch as the provider lists it; times are aware UTC, and missing data is None."""

    id: str
    status: str
    """As the provider spells it; not necessarily one of OpenAI's."""
    created_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    key: str | None
    """The work key, by which a run finds it again; None when the batch is not Pressrun's."""
    run_id: str | None
    """The flow run that created it."""
    after: str | None
    """The batch whose unanswered lines it retries."""
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
    """Validation errors, one line each."""

    @property
    def is_ours(self) -> bool:
        return self.key is not None

    @property
    def is_live(self) -> bool:
        return self.status not in TERMINAL

    @property
    def files(self) -> dict[str, str]:
        """Ids of its files, by kind."""
        named = {"input": self.input_file_id, "output": self.output_file_id, "error": self.error_file_id}
        return {what: file_id for what, file_id in named.items() if file_id}

    def may_hold(self, site: str) -> bool:
        """Whether it contains work of the site, or may contain it if the list of sites was truncated."""
        return site in self.sites or (self.sites_cut and site >= self.sites[-1])

    @classmethod
    def read(cls, record: dict[str, Any]) -> "BatchRecord":
        """Read a batch object, whatever is missing or unusual in it."""
        metadata, counts = mapping(record.get("metadata")), mapping(record.get("request_counts"))
        status = text(record.get("status")) or "unknown"
        created_at = moment(record.get("created_at"))
        sites = text(metadata.get("sites")) or ""
        return cls(
            id=text(record.get("id")) or "",
            status=status,
            created_at=created_at,
            expires_at=moment(record.get("expires_at")) or (created_at + WINDOW if created_at else None),
            ended_at=moment(record.get(f"{status}_at")) if status in TERMINAL else None,
            key=text(metadata.get("pressrun_key")),
            run_id=text(metadata.get("flow_run_id")),
            after=text(metadata.get("pressrun_after")),
            sites=tuple(slug for slug in sites.split(",") if slug),
            sites_cut=len(sites) >= SITES_CUT,
            total=count(counts.get("total")) or 0,
            completed=count(counts.get("completed")) or 0,
            failed=count(counts.get("failed")) or 0,
            endpoint=text(record.get("endpoint")),
            model=text(record.get("model")),
            input_file_id=text(record.get("input_file_id")),
            output_file_id=text(record.get("output_file_id")),
            error_file_id=text(record.get("error_file_id")),
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
            id=text(record.get("id")) or "",
            name=text(record.get("filename")) or "",
            purpose=text(record.get("purpose")),
            size=count(record.get("bytes")),
            created_at=moment(record.get("created_at")),
        )


class BatchListing(Frozen):
    """Batches, newest first."""

    batches: tuple[BatchRecord, ...]
    is_complete: bool
    """False when the bound was reached, so that older ones were not listed."""


class FileListing(Frozen):
    """Files, in the provider's order; `is_complete` as for batches."""

    files: tuple[FileRecord, ...]
    is_complete: bool


def _problems(errors: Any) -> Iterator[str]:
    """`line 2: duplicate_custom_id: ...`; every member may be null."""
    data = mapping(errors).get("data")
    for problem in data if isinstance(data, list) else ():
        told = mapping(problem)
        line = f"line {told['line']}: " if count(told.get("line")) else ""
        yield f"{line}{text(told.get('code')) or 'unknown'}: {text(told.get('message')) or 'no reason given'}"
