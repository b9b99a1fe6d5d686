"""One batch as seen in one poll of the provider.

Invariant: the only reading of a batch object. Whatever JSON a server sends is read without failing: a status means the
same in any spelling, absent counts are 0, falsy file ids are absent. Times are by our clock, whatever the provider's
clock shows. A response that is not a batch is an error, so that it cannot mean "no such batch".
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import openai
from openai import OpenAI
from pydantic import Field

from pressrun.errors import Unreadable
from pressrun.frozen import Frozen
from pressrun.reasons import Reason, reason
from pressrun.routes.replies import by_our_clock, pages, read_reply
from pressrun.wire import count, first, ident, mapping, read_json, text

__all__ = [
    "TERMINAL",
    "TRANSIENT",
    "BatchView",
    "Problem",
    "cancel",
    "list_batches",
    "look",
    "misses_file",
    "read_status",
]

TRANSIENT = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError, Unreadable)
"""Failures of a poll that say nothing about the batch."""
TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
"""Final statuses of a batch."""
SPELLINGS = {
    "validating": ("validating",),
    "in_progress": ("inprogress", "running", "processing", "executing"),
    "finalizing": ("finalizing", "finalising"),
    "completed": (
        *("completed", "complete", "partiallycompleted", "completedwitherrors", "succeeded", "partiallysucceeded"),
        *("success", "successful", "done", "ended", "finished", "completedsuccessfully"),
    ),
    "failed": ("failed", "failure", "error", "errored", "rejected", "validationfailed"),
    "expired": ("expired", "timeout", "timedout", "timeoutexceeded"),
    "cancelling": ("cancelling", "canceling", "stopping", "cancellationrequested", "cancelrequested"),
    "cancelled": (
        *("cancelled", "canceled", "aborted", "stopped", "terminated"),
        *("cancelledbyuser", "canceledbyuser", "usercancelled", "usercanceled"),
    ),
}
"""OpenAI's statuses, and the letters of what Mistral, Anthropic, Google, Amazon and other servers write instead."""
STATUSES = {spelling: status for status, spellings in SPELLINGS.items() for spelling in spellings}
PREFIXES = re.compile(r"^(?:job|batch)?(?:state|status)(?=.)")
"""`JOB_STATE_SUCCEEDED`, as Google writes it, and `BatchStatus.COMPLETED`, as Python shows an enum's member."""
LOOK_BACK = 1_000
"""Maximum number of batches to read from the provider's list, newest first; the list itself is unbounded."""
PAGE = 100
QUEUE_FULL = "token_limit_exceeded"
FILE_PARAMETERS = {"file_id", "input_file_id"}
ABSENT_FILE = re.compile(r"not ?_?found|(?:cannot|can't|could not|couldn't) find|no such|not exist|not have access")
"""Words about a file that is not there, in lower case."""
ABSENT_MODEL = re.compile(rf"no such model|\bmodel(?:\b|_).*(?:{ABSENT_FILE.pattern})")
"""Words about a model that is not there, be it "the model in the input file"."""


class Problem(Frozen):
    """One error of the provider's validation."""

    code: str
    message: str
    line: int | None
    """Line of the input file, counted from 1."""
    param: str | None = None


class BatchView(Frozen):
    """The result of one poll; times are aware UTC."""

    batch_id: str
    status: str
    """OpenAI's word for it; what has none is kept as the provider writes it."""
    created_at: datetime | None
    started_at: datetime | None = None
    """When it became `in_progress`."""
    ended_at: datetime | None = None
    """When it reached its final status."""
    cancelling_at: datetime | None = None
    expires_at: datetime | None = None
    endpoint: str | None = None
    model: str | None = None
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
        """Whether validation refused it, so that none of it ran.

        A batch whose input file validation does not find cannot have run, whatever else the provider says of it.
        """
        return self.status == "failed" and not self.result_files and (self._misses_its_file or not self.has_run)

    @property
    def has_run(self) -> bool:
        """Whether it shows that lines of it were asked: by its time, its counts or its tokens."""
        return bool(self.started_at or self.done or self.input_tokens or self.output_tokens)

    @property
    def is_without_file(self) -> bool:
        """Whether it was refused because the provider does not find its input file, so that another upload may work."""
        return self.is_refused and self._misses_its_file

    @property
    def _misses_its_file(self) -> bool:
        return not self.done and any(
            not problem.line and misses_file(Reason(problem.message, problem.code), problem.param)
            for problem in self.problems
        )

    @property
    def is_queue_full(self) -> bool:
        """Whether it was refused only because too many tokens were enqueued, so that a later submission may work."""
        return self.is_refused and any(
            problem.code == QUEUE_FULL or "enqueued token limit" in problem.message.lower() for problem in self.problems
        )

    @property
    def is_whole(self) -> bool:
        """Whether an ended batch names all the files that its counts imply; they may lag behind the status."""
        output_lags = self.completed > 0 and not self.output_file_id
        errors_lag = self.failed > 0 and not self.error_file_id
        has_results = self.status == "completed" or (self.status == "failed" and self.has_run)
        nothing_yet = has_results and not self.result_files
        return not (output_lags or errors_lag or nothing_yet)

    @classmethod
    def read(cls, record: dict[str, Any], ahead: timedelta = timedelta(0)) -> "BatchView":
        """Read a batch object. `ahead` is how far the provider's clock is ahead of ours."""

        def at(name: str) -> datetime | None:
            return by_our_clock(record.get(name), ahead)

        metadata = record.get("metadata")
        metadata = read_json(metadata) if isinstance(metadata, str) else metadata
        counts, usage = mapping(record.get("request_counts")), mapping(record.get("usage"))
        word, status = text(record.get("status")) or "unknown", read_status(record.get("status"))
        completed, failed, total = (count(counts.get(name)) or 0 for name in ("completed", "failed", "total"))
        files = {name: ident(record.get(f"{name}_file_id")) for name in ("input", "output", "error")}
        if status not in SPELLINGS and 0 < total <= completed + failed and (files["output"] or files["error"]):
            status = "completed"
        return cls(
            batch_id=ident(record.get("id")) or "",
            status=status,
            created_at=at("created_at"),
            started_at=at("in_progress_at"),
            ended_at=first((at(f"{status}_at"), at(f"{word.lower()}_at"))) if status in TERMINAL else None,
            cancelling_at=first((at("cancelling_at"), at("canceling_at"))),
            expires_at=at("expires_at"),
            endpoint=text(record.get("endpoint")),
            model=text(record.get("model")),
            completed=completed,
            failed=failed,
            total=total,
            output_file_id=files["output"],
            error_file_id=files["error"],
            input_file_id=files["input"],
            problems=_problems(record.get("errors") or record.get("error")),
            metadata={str(name): str(value) for name, value in mapping(metadata).items() if value not in (None, "")},
            input_tokens=count(usage.get("input_tokens")) or 0,
            output_tokens=count(usage.get("output_tokens")) or 0,
        )


def read_status(told: Any) -> str:
    """OpenAI's word for a status in any spelling; an unknown one as it is."""
    word = text(told) or "unknown"
    letters = re.sub(r"[^a-z]", "", word.lower())
    return STATUSES.get(PREFIXES.sub("", letters), word)


def _problems(told: Any) -> tuple[Problem, ...]:
    """The errors of a batch: OpenAI's list object, a plain list, one error, or text."""
    if isinstance(told, dict) and "data" in told:
        told = told["data"]
    listed = told if isinstance(told, list) else [told]
    return tuple(_problem(problem) for problem in listed if problem)


def _problem(told: Any) -> Problem:
    said, problem = reason(told), mapping(told)
    return Problem(
        code=said.code or "unknown",
        message=said.message or "no reason given",
        line=count(problem.get("line")) or None,
        param=text(problem.get("param")),
    )


def misses_file(said: Reason, param: str | None) -> bool:
    """Whether an error says that an upload is not there."""
    words = f"{said.code} {said.message}".lower()
    is_about_file = param in FILE_PARAMETERS or ("file" in words and not ABSENT_MODEL.search(words))
    return is_about_file and ABSENT_FILE.search(words) is not None


def look(client: OpenAI, batch_id: str) -> BatchView:
    """One poll of one batch. Raises `Unreadable` when the reply is not a batch.

    Gateways may answer with another id of the same batch (LiteLLM: the one behind its own), so the id asked for counts.
    """
    reply = read_reply(client.get(f"/batches/{quote(batch_id, safe='')}", cast_to=httpx2.Response))
    view = BatchView.read(reply.body, reply.ahead)
    kind = text(reply.body.get("object"))
    is_batch = kind == "batch" or (kind is None and view.created_at is not None)
    if not view.batch_id or not text(reply.body.get("status")) or not (view.batch_id == batch_id or is_batch):
        raise Unreadable(f"The provider's response is not about batch {batch_id}.")
    return view.model_copy(update={"batch_id": batch_id})


def list_batches(client: OpenAI, most: int = LOOK_BACK) -> Iterator[BatchView]:
    """The provider's batches, newest first, up to `most`. Raises `Unreadable` instead of ending early."""
    seen = 0
    for page in pages(client, "/batches", PAGE):
        for record in page.records[: most - seen]:
            yield BatchView.read(record, page.ahead)
        seen += len(page.records)
        if seen >= most:
            return


def cancel(client: OpenAI, batch_id: str) -> None:
    """Ask the provider to cancel a batch. The next poll shows whether it did, or whether the batch has ended."""
    with suppress(openai.APIError):
        client.post(f"/batches/{quote(batch_id, safe='')}/cancel", cast_to=httpx2.Response)
