"""Batches as seen in one poll of the provider.

Invariant: whatever JSON a server sends is read without failing: unknown statuses are kept, absent counts are 0, falsy
file ids are absent. A response that is not JSON is an error, never an empty answer, so that it cannot mean "no such
batch".
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
from openai import OpenAI
from pydantic import Field

from pressrun.batchfile import read_json
from pressrun.calls import Frozen
from pressrun.errors import Unreadable
from pressrun.wire import count, mapping, moment, text

__all__ = ["TERMINAL", "TRANSIENT", "BatchView", "Problem", "cancel", "list_batches", "look", "look_all", "read_reply"]

TRANSIENT = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError, Unreadable)
"""Failures of a poll that say nothing about the batch."""
TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
"""Final statuses of a batch."""
LOOK_BACK = 1_000
"""Maximum number of batches to read from the provider's list, newest first; the list itself is unbounded."""
PAGE = 100
QUEUE_FULL = "token_limit_exceeded"


class Problem(Frozen):
    """One error of the provider's validation."""

    code: str
    message: str
    line: int | None
    """Line of the input file, counted from 1."""


class BatchView(Frozen):
    """The result of one poll; times are aware UTC."""

    batch_id: str
    status: str
    """As the provider spells it; not necessarily one of OpenAI's."""
    created_at: datetime
    started_at: datetime | None = None
    """When it became `in_progress`."""
    ended_at: datetime | None = None
    """When it reached its final status."""
    cancelling_at: datetime | None = None
    completed: int = 0
    failed: int = 0
    total: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    input_file_id: str | None = None
    problems: tuple[Problem, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    """The provider's totals for the whole batch; 0 when it reports none."""

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def done(self) -> int:
        return self.completed + self.failed

    @property
    def result_files(self) -> list[str]:
        return [file_id for file_id in (self.output_file_id, self.error_file_id) if file_id]

    @property
    def is_refused(self) -> bool:
        """Whether validation refused it, so that none of it ran."""
        return self.status == "failed" and not self.result_files

    @property
    def is_queue_full(self) -> bool:
        """Whether it was refused only because too many tokens were enqueued, so that a later submission may work."""
        return self.is_refused and QUEUE_FULL in {problem.code for problem in self.problems}

    @property
    def is_whole(self) -> bool:
        """Whether an ended batch names all the files that its counts imply; they may lag behind the status."""
        output_lags = self.completed > 0 and not self.output_file_id
        errors_lag = self.failed > 0 and not self.error_file_id
        nothing_yet = self.status == "completed" and not self.result_files
        return not (output_lags or errors_lag or nothing_yet)

    @classmethod
    def read(cls, record: dict[str, Any]) -> "BatchView":
        """Read a batch object."""
        counts, usage = mapping(record.get("request_counts")), mapping(record.get("usage"))
        problems = mapping(record.get("errors")).get("data")
        status = str(record.get("status") or "unknown")
        return cls(
            batch_id=str(record.get("id") or ""),
            status=status,
            created_at=moment(record.get("created_at")) or datetime.now(UTC),
            started_at=moment(record.get("in_progress_at")),
            ended_at=moment(record.get(f"{status}_at")) if status in TERMINAL else None,
            cancelling_at=moment(record.get("cancelling_at")),
            completed=count(counts.get("completed")) or 0,
            failed=count(counts.get("failed")) or 0,
            total=count(counts.get("total")) or 0,
            output_file_id=text(record.get("output_file_id")),
            error_file_id=text(record.get("error_file_id")),
            input_file_id=text(record.get("input_file_id")),
            problems=tuple(_problem(problem) for problem in problems if isinstance(problem, dict)) if problems else (),
            metadata={str(name): str(value) for name, value in mapping(record.get("metadata")).items()},
            input_tokens=count(usage.get("input_tokens")) or 0,
            output_tokens=count(usage.get("output_tokens")) or 0,
        )


def _problem(problem: dict[str, Any]) -> Problem:
    line = problem.get("line")
    return Problem(
        code=str(problem.get("code") or "unknown"),
        message=str(problem.get("message") or "no reason given"),
        line=line if isinstance(line, int) else None,
    )


def read_reply(reply: httpx2.Response) -> dict[str, Any]:
    """The JSON object of a reply. Raises `Unreadable`."""
    body = read_json(reply.content)
    if body is None:
        raise Unreadable("The provider's response is not a JSON object.")
    return body


def look(client: OpenAI, batch_id: str) -> BatchView:
    """One poll of one batch."""
    return BatchView.read(read_reply(client.get(f"/batches/{batch_id}", cast_to=httpx2.Response)))


def list_batches(client: OpenAI, most: int = LOOK_BACK) -> Iterator[BatchView]:
    """The provider's batches, newest first, up to `most`. Raises `Unreadable` instead of ending early."""
    seen, after = 0, ""
    while seen < most:
        page = read_reply(client.get(f"/batches?limit={PAGE}{after}", cast_to=httpx2.Response))
        records = page.get("data")
        if not isinstance(records, list):
            raise Unreadable("The provider's list of batches has no data.")
        for record in records[: most - seen]:
            yield BatchView.read(mapping(record))
        seen += len(records)
        if not records or not page.get("has_more"):
            return
        after = f"&after={mapping(records[-1]).get('id')}"


def look_all(client: OpenAI, batch_ids: Iterable[str]) -> dict[str, BatchView]:
    """One poll of several batches, with one call for each hundred that the provider lists.

    Batches missing from the list (it may lag, and only part of it is read) are requested by id; a batch that cannot be
    found by id either (404) is not in the result.
    """
    wanted = set(batch_ids)
    found: dict[str, BatchView] = {}
    if len(wanted) > 1:
        for view in list_batches(client):
            if view.batch_id in wanted:
                found[view.batch_id] = view
                if len(found) == len(wanted):
                    break
    for batch_id in sorted(wanted - found.keys()):
        try:
            found[batch_id] = look(client, batch_id)
        except openai.NotFoundError:
            continue
    return found


def cancel(client: OpenAI, batch_id: str) -> None:
    """Ask the provider to cancel a batch. The next poll shows whether it did, or whether the batch has ended."""
    try:
        client.post(f"/batches/{batch_id}/cancel", cast_to=httpx2.Response)
    except (openai.BadRequestError, openai.ConflictError, openai.NotFoundError, *TRANSIENT):
        return
