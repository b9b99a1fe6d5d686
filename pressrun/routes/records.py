"""Batches as a provider lists them, for people.

Invariant: nothing is read here that `BatchView` does not read; missing data is None, never a guess. No text in a record
can steer a terminal.
"""

from datetime import datetime, timedelta
from typing import Any

from pressrun.calls import Foreign
from pressrun.frozen import Frozen
from pressrun.routes.batch.view import TERMINAL, BatchView, Problem

__all__ = ["BatchListing", "BatchRecord"]

WINDOW = timedelta(days=1)
"""When a batch expires, if the provider does not say."""
SITES_CUT = 512
"""Characters after which the list of sites in the metadata is truncated."""


class BatchRecord(Frozen):
    """A batch as the provider lists it; times are aware UTC, and missing data is None."""

    id: Foreign
    status: Foreign
    """OpenAI's word for it; what has none is kept as the provider writes it."""
    created_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    key: Foreign | None
    """The work key, by which a run finds it again; None when the batch is not Pressrun's."""
    run_id: Foreign | None
    """The flow run that created it."""
    after: Foreign | None
    """The batch whose unanswered lines it retries."""
    sites: tuple[Foreign, ...]
    """Slugs, sorted. The last one may be a fragment, see `sites_cut`."""
    sites_cut: bool
    total: int
    completed: int
    failed: int
    endpoint: Foreign | None
    model: Foreign | None
    input_file_id: Foreign | None
    output_file_id: Foreign | None
    error_file_id: Foreign | None
    problems: tuple[Foreign, ...]
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
    def read(cls, record: dict[str, Any], ahead: timedelta = timedelta(0)) -> "BatchRecord":
        """Read a batch object, as `BatchView` does."""
        return cls.of(BatchView.read(record, ahead))

    @classmethod
    def of(cls, view: BatchView) -> "BatchRecord":
        """A batch that was read, for people."""
        sites = view.metadata.get("sites", "")
        return cls(
            id=view.batch_id,
            status=view.status,
            created_at=view.created_at,
            expires_at=view.expires_at or (view.created_at + WINDOW if view.created_at else None),
            ended_at=view.ended_at,
            key=view.metadata.get("pressrun_key") or None,
            run_id=view.metadata.get("flow_run_id") or None,
            after=view.metadata.get("pressrun_after") or None,
            sites=tuple(slug for slug in sites.split(",") if slug),
            sites_cut=len(sites) >= SITES_CUT,
            total=view.total,
            completed=view.completed,
            failed=view.failed,
            endpoint=view.endpoint,
            model=view.model,
            input_file_id=view.input_file_id,
            output_file_id=view.output_file_id,
            error_file_id=view.error_file_id,
            problems=tuple(map(_say, view.problems)),
        )


def _say(problem: Problem) -> str:
    """`line 2: duplicate_custom_id: ...`"""
    line = f"line {problem.line}: " if problem.line else ""
    return f"{line}{problem.code}: {problem.message}"


class BatchListing(Frozen):
    """Batches, newest first."""

    batches: tuple[BatchRecord, ...]
    is_complete: bool
    """False when the bound was reached, so that older ones were not listed."""
