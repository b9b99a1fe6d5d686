"""The batch route: submit, watch, harvest.

Invariant: work that has a live or finished batch at the provider is never submitted again. The provider's own list of
batches is the ledger: a batch carries the key of its work in its metadata, and is looked for before one is created.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import openai
from openai import OpenAI
from openai.types import Batch

from pressrun.batchfile import Harvest, Shard, write_jsonl
from pressrun.calls import Answer, Frozen
from pressrun.errors import BatchRejected, PressrunError

__all__ = [
    "BatchTicket",
    "BatchView",
    "Harvested",
    "Move",
    "cancel",
    "decide",
    "find_batch",
    "harvest",
    "look",
    "poll_delays",
    "submit",
]

TRANSIENT = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)
UNSEEN_FILE = {"file_id", "input_file_id"}
"""Parameters that a refusal names when an upload is not visible yet (bespokelabsai/curator#116)."""
SCHEMA = "1"
"""Version of the metadata we write; a batch of another version is not adopted."""
KEY = "pressrun_key"
RUN = "flow_run_id"
LOOK_BACK = 1_000
"""Batches of the provider's list, newest first, that are searched for one of ours."""
TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
CANCEL_GRACE = timedelta(minutes=15)
"""A cancelled batch may stay `cancelling` for ten minutes (`openai-facts.md` 1.2); after this we take what there is."""


class BatchTicket(Frozen):
    """A batch that exists at the provider; the receipt of having submitted."""

    batch_id: str
    key: str
    created_at: datetime
    adopted: bool
    """Whether an earlier process had created it."""
    run_id: str
    """The flow run that created it, and so pays for it."""


class BatchView(Frozen):
    """What one poll saw."""

    batch_id: str
    status: str
    completed: int
    failed: int
    total: int
    output_file_id: str | None
    error_file_id: str | None
    problems: list[str]
    """The provider's validation errors, for a person."""

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class Harvested(Frozen):
    """All answers of an ended batch, one for each call of its shard."""

    answers: list[Answer]
    strays: int
    """Result lines that belonged to no call."""


class Move(StrEnum):
    """What to do after a poll."""

    WAIT = "wait"
    CANCEL = "cancel"
    HARVEST = "harvest"
    GIVE_UP = "give_up"


def decide(view: BatchView, *, deadline: datetime, now: datetime) -> Move:
    """The next move. The deadline counts from the batch's creation, so a restart does not prolong the wait."""
    if view.is_terminal:
        return Move.HARVEST
    if now < deadline:
        return Move.WAIT
    if view.status != "cancelling":
        return Move.CANCEL
    return Move.GIVE_UP if now > deadline + CANCEL_GRACE else Move.WAIT


def poll_delays(first: float, longest: float) -> Iterator[float]:
    """Seconds to sleep between polls: growing by half from `first` to `longest`, for ever."""
    delay = first
    while True:
        yield min(delay, longest)
        delay *= 1.5


def find_batch(client: OpenAI, key: str, *, only_run: str | None = None) -> Batch | None:
    """The newest batch for this work that ran, runs or will run; a `failed` one ran nothing and does not count.

    `only_run` leaves out the batches of other flow runs.
    """
    wanted = {KEY: key, "pressrun_schema": SCHEMA} | ({RUN: only_run} if only_run else {})
    for batch in islice(client.batches.list(limit=100), LOOK_BACK):
        metadata = batch.metadata or {}
        if batch.status != "failed" and all(metadata.get(name) == value for name, value in wanted.items()):
            return batch
    return None


def submit(client: OpenAI, shard: Shard, *, run_id: str, fresh: bool = False) -> BatchTicket:
    """Adopt the batch that already does this work, or create it; never blindly twice.

    A `fresh` run wants new answers, so it adopts only what it created itself. Any exception leaves it open whether a
    batch was created, and is safe to answer by calling again: the look-up comes first.
    """
    found = find_batch(client, shard.key, only_run=run_id if fresh else None)
    if found and _is_readable(client, found):
        return _ticket(found, shard.key, adopted=True, run_id=run_id)
    file_id = _upload(client, shard)
    try:
        batch = client.with_options(max_retries=0).batches.create(
            input_file_id=file_id,
            endpoint=shard.endpoint.value,
            completion_window="24h",
            metadata={
                KEY: shard.key,
                "pressrun_schema": SCHEMA,
                RUN: run_id,
                "sites": ",".join(sorted({call.site for call in shard.calls}))[:512],
            },
        )
    except (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError) as error:
        # Refused outright: nothing was created, so the upload would only be left behind.
        with contextlib.suppress(openai.OpenAIError):
            client.files.delete(file_id)
        if error.param in UNSEEN_FILE:
            raise
        raise BatchRejected(
            f"The provider refused the batch of {shard.title}: {error.message}. Nothing of it ran or was billed; "
            "answers that were already paid for are kept, and running again goes on from there."
        ) from None
    return _ticket(batch, shard.key, adopted=False, run_id=run_id)


def _is_readable(client: OpenAI, batch: Batch) -> bool:
    """Whether the result files that a batch names are there: they can be deleted, and expire after 30 days."""
    try:
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            with client.files.with_streaming_response.content(file_id):
                pass
    except openai.NotFoundError:
        return False
    return True


def _upload(client: OpenAI, shard: Shard) -> str:
    with TemporaryDirectory(prefix="pressrun-") as folder:
        path = Path(folder) / f"{shard.key[:16]}.jsonl"
        write_jsonl(shard, path)
        with path.open("rb") as file:
            return client.files.create(file=(path.name, file), purpose="batch").id


def _ticket(batch: Batch, key: str, *, adopted: bool, run_id: str) -> BatchTicket:
    run_id = (batch.metadata or {}).get(RUN, run_id) if adopted else run_id
    return BatchTicket(batch_id=batch.id, key=key, created_at=_utc(batch.created_at), adopted=adopted, run_id=run_id)


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def look(client: OpenAI, batch_id: str) -> BatchView:
    """One poll."""
    batch = client.batches.retrieve(batch_id)
    counts = batch.request_counts
    problems = (batch.errors.data or []) if batch.errors else []
    return BatchView(
        batch_id=batch.id,
        status=str(batch.status),
        completed=counts.completed if counts else 0,
        failed=counts.failed if counts else 0,
        total=counts.total if counts else 0,
        # Some servers say "" where OpenAI says null.
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        problems=[f"{_place(problem.line)}{problem.code}: {problem.message}" for problem in problems],
    )


def _place(line: int | None) -> str:
    return f"line {line}: " if line else ""


def cancel(client: OpenAI, batch_id: str) -> None:
    """Ask the provider to stop a batch. Whether it did, or the batch had ended, or nobody heard: the next poll says."""
    with contextlib.suppress(openai.BadRequestError, openai.ConflictError, *TRANSIENT):
        client.batches.cancel(batch_id)


def harvest(client: OpenAI, view: BatchView, shard: Shard, *, run_id: str) -> Harvested:
    """Read both result files of an ended batch as streams; see `Harvest` for what becomes of each line.

    Raises `BatchRejected` when validation refused the whole batch, `PressrunError` when a result file is gone.
    """
    if view.status == "failed" and not (view.output_file_id or view.error_file_id):
        raise BatchRejected(_say_rejected(view, shard))
    collected = Harvest(shard=shard, batch_id=view.batch_id, run_id=run_id, at=datetime.now(UTC))
    try:
        for file_id in filter(None, (view.output_file_id, view.error_file_id)):
            for line in _lines(client, file_id):
                collected.add(line)
    except openai.NotFoundError:
        raise PressrunError(
            f"A result file of batch {view.batch_id} ({shard.title}) is not at the provider (HTTP 404). Answers that "
            "were already read are kept. Run again later; if the file stays away, --fresh pays for the work anew."
        ) from None
    answers = collected.close(f"the batch ended as {view.status} without an answer to this")
    return Harvested(answers=answers, strays=collected.strays)


def _lines(client: OpenAI, file_id: str) -> Iterator[bytes]:
    """The lines of a file as bytes. Only LF ends one: JSON may hold the other line ends that `iter_lines` splits at."""
    rest: list[bytes] = []
    with client.files.with_streaming_response.content(file_id) as response:
        for chunk in response.iter_bytes():
            *ended, last = chunk.split(b"\n")
            for part in ended:
                yield b"".join((*rest, part))
                rest = []
            rest.append(last)
    yield b"".join(rest)


def _say_rejected(view: BatchView, shard: Shard) -> str:
    quoted = "; ".join(view.problems[:5]) or "no reason given"
    return (
        f"The provider's validation refused batch {view.batch_id} ({shard.title}): {quoted}. None of it ran or was "
        "billed; answers that were already paid for are kept, and running again goes on from there."
    )
