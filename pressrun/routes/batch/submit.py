"""Submitting a shard: search, upload, search again, create.

Invariant: work that has a live or finished batch at the provider is never submitted again. The provider's own list of
batches is the record: a batch has the key of its work in its metadata, and the list is searched before one is created.
When the response to a creation is lost, or an earlier process left its upload behind, a batch may exist that the list
does not show yet; then the search lasts as long as the list may lag. If the search fails, nothing is created.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import openai
from openai import OpenAI

from pressrun.calls import Frozen
from pressrun.errors import BatchRejected, PressrunError, Unreadable
from pressrun.routes.batch.view import BatchView, list_batches, read_reply
from pressrun.sharding import Shard

__all__ = ["BatchTicket", "Retention", "adopt", "find_batch", "submit"]

SCHEMA = "1"
"""Version of our metadata; a batch of another version is not adopted."""
KEY, RUN, AFTER = "pressrun_key", "flow_run_id", "pressrun_after"
TRIES = 3
"""Attempts to create a batch when responses are lost, each after a search that lasts as long as the list may lag."""
LOOKS = 6
"""Searches within the time that the list may lag."""
CREATE_TIMEOUT = 120.0
"""Seconds; a creation only writes a record."""
UNSEEN_FILE = {"file_id", "input_file_id"}
"""Parameters in a refusal that mean that an upload is not visible yet (bespokelabsai/curator#116)."""
REFUSED = (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError)
LOST = (openai.APIConnectionError, openai.InternalServerError, Unreadable)
"""The batch may or may not have been created."""


class BatchTicket(Frozen):
    """A batch that exists at the provider; proof of its submission."""

    batch_id: str
    key: str
    created_at: datetime
    adopted: bool
    """Whether it was found instead of created by this submission."""
    run_id: str
    """The flow run that created it and therefore pays for it."""
    replaces: str | None = None
    """Id of a batch for the same work whose result files are gone (deleted or expired), so it is paid for again."""


class Retention(Frozen):
    """How long the provider keeps a batch's files."""

    output_expires_after: timedelta | None = None
    """Counted from the creation of the output file; None means the provider's default (30 days)."""


def find_batch(client: OpenAI, shard: Shard, *, only_run: str | None = None) -> BatchView | None:
    """The newest batch for this work that ran, runs or will run; a refused one did not run and does not count.

    `only_run` leaves out the batches of other flow runs.
    """
    wanted = {KEY: shard.key, "pressrun_schema": SCHEMA} | ({RUN: only_run} if only_run else {})
    for view in list_batches(client):
        metadata = view.metadata
        if view.is_refused or metadata.get(AFTER) != shard.after:
            continue
        if all(metadata.get(name) == value for name, value in wanted.items()):
            return view
    return None


def adopt(client: OpenAI, shard: Shard, *, run_id: str) -> BatchTicket | None:
    """A ticket for the existing batch for this work, if there is one with available answers."""
    found = find_batch(client, shard)
    return _ticket_of(found, shard, run_id) if found and _is_readable(client, found) else None


def submit(
    client: OpenAI,
    shard: Shard,
    *,
    run_id: str,
    fresh: bool = False,
    list_lag: timedelta = timedelta(seconds=20),
    lock: AbstractContextManager[object] | None = None,
    retention: Retention | None = None,
) -> BatchTicket:
    """Adopt the existing batch for this work, or create one; never blindly twice.

    A `fresh` run needs new answers, so it adopts only what it created itself. `lock` is held from the last search to
    the creation, so that two runs of the same work create one batch. After any exception a batch may or may not exist;
    calling again is safe, because the search comes first. Raises `BatchRejected`, `Unreadable`, and the openai SDK's
    errors.
    """
    only_run = run_id if fresh else None
    found = find_batch(client, shard, only_run=only_run)
    if found and _is_readable(client, found):
        return _ticket_of(found, shard, run_id)
    gone = found.batch_id if found else None
    uploads = _find_uploads(client, shard)
    file_id = uploads[-1].id if uploads else _upload(client, shard)
    rivals = uploads or _older_than(file_id, _find_uploads(client, shard))
    with lock or nullcontext():
        found = _look_for(client, shard, only_run, but_not=gone, lasting=_doubt(client, rivals, list_lag))
        if found:
            if found.input_file_id != file_id:
                _delete(client, file_id)
            return _ticket_of(found, shard, run_id)
        request = _request(shard, file_id, run_id, retention or Retention())
        look_again = partial(_look_for, client, shard, only_run, but_not=gone, lasting=list_lag)
        created = _create(client, shard, request, look_again)
    return created.model_copy(update={"replaces": gone})


def _look_for(
    client: OpenAI, shard: Shard, only_run: str | None, *, but_not: str | None, lasting: timedelta
) -> BatchView | None:
    """Search for a batch of this work at least once, and for up to `lasting` when one may be about to appear."""
    end = time.monotonic() + lasting.total_seconds()
    while True:
        found = find_batch(client, shard, only_run=only_run)
        if found and found.batch_id != but_not:
            return found
        left = end - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, lasting.total_seconds() / LOOKS))


def _create(
    client: OpenAI, shard: Shard, request: dict[str, Any], look_again: Callable[[], BatchView | None]
) -> BatchTicket:
    """Create the batch. The SDK's own retries are off, because the provider has no idempotency keys."""
    failure: Exception | None = None
    for _ in range(TRIES):
        try:
            return _ticket(_post(client, request), shard, run_id=request["metadata"][RUN], adopted=False)
        except REFUSED as error:
            _delete(client, request["input_file_id"])
            if error.param in UNSEEN_FILE:
                raise
            raise _rejected(error, shard) from None
        except LOST as error:
            failure = error
            found = look_again()
            if found:
                return _ticket_of(found, shard, request["metadata"][RUN])
    assert failure is not None
    raise failure


def _post(client: OpenAI, request: dict[str, Any]) -> BatchView:
    once = client.with_options(max_retries=0, timeout=CREATE_TIMEOUT)
    view = BatchView.read(read_reply(once.post("/batches", body=request, cast_to=httpx2.Response)))
    if not view.batch_id:
        raise Unreadable("The provider's response to the creation of a batch has no id.")
    return view


def _request(shard: Shard, file_id: str, run_id: str, retention: Retention) -> dict[str, Any]:
    metadata = {KEY: shard.key, "pressrun_schema": SCHEMA, RUN: run_id, "sites": ",".join(shard.sites)[:512]}
    request: dict[str, Any] = {
        "input_file_id": file_id,
        "endpoint": shard.endpoint.value,
        "completion_window": "24h",
        "metadata": metadata | ({AFTER: shard.after} if shard.after else {}),
    }
    if retention.output_expires_after:
        seconds = int(retention.output_expires_after.total_seconds())
        request["output_expires_after"] = {"anchor": "created_at", "seconds": seconds}
    return request


def _rejected(error: openai.APIStatusError, shard: Shard) -> BatchRejected:
    return BatchRejected(
        f"The provider refused the batch of {shard.title}: {error.message}. None of it ran or was billed. Answers "
        "already paid for are kept. Fix the request and run again."
    )


def _is_readable(client: OpenAI, view: BatchView) -> bool:
    """Whether a batch's result files exist: they can be deleted, and expire after 30 days."""
    try:
        for file_id in view.result_files:
            with client.files.with_streaming_response.content(file_id):
                pass
    except openai.NotFoundError:
        return False
    return True


class Upload(Frozen):
    """An input file at the provider."""

    id: str
    created_at: datetime


def _find_uploads(client: OpenAI, shard: Shard) -> list[Upload]:
    """The provider's input files for this work, oldest first: signs that it may have been submitted.

    Empty for a server without a list of files.
    """
    try:
        page = read_reply(client.get("/files?purpose=batch&limit=1000", cast_to=httpx2.Response))
    except (openai.NotFoundError, openai.BadRequestError):
        return []
    files: Iterable[object] = page.get("data") or []
    same = [
        Upload(id=str(file["id"]), created_at=datetime.fromtimestamp(int(file.get("created_at") or 0), UTC))
        for file in files
        if isinstance(file, dict) and file.get("filename") == shard.filename and file.get("bytes") in (None, shard.size)
    ]
    return sorted(same, key=lambda upload: (upload.created_at, upload.id))


def _older_than(file_id: str, uploads: list[Upload]) -> list[Upload]:
    """Concurrent uploads of other processes that came before ours: the oldest upload takes precedence."""
    ids = [upload.id for upload in uploads]
    return uploads[: ids.index(file_id)] if file_id in ids else []


def _doubt(client: OpenAI, uploads: list[Upload], list_lag: timedelta) -> timedelta:
    """How long a batch of one of these uploads may still take to appear; zero if a listed batch uses the upload."""
    now = datetime.now(UTC)
    recent = [upload for upload in uploads if upload.created_at + list_lag > now]
    if not recent:
        return timedelta(0)
    used = {view.input_file_id for view in list_batches(client)}
    left = [upload.created_at + list_lag - now for upload in recent if upload.id not in used]
    return max(left, default=timedelta(0))


def _upload(client: OpenAI, shard: Shard) -> str:
    if not shard.path.exists():
        raise PressrunError(
            f"The batch of {shard.title} is not at the provider, and its input file {shard.path} is gone. Every answer "
            "already paid for is kept. To pay for the work again, use --fresh."
        )
    with shard.path.open("rb") as file:
        reply = client.files.create(file=(shard.filename, file), purpose="batch")
    # The SDK returns a response that is not JSON as text.
    file_id = getattr(reply, "id", None)
    if not isinstance(file_id, str):
        raise Unreadable("The provider's response to an upload has no id.")
    return file_id


def _delete(client: OpenAI, file_id: str) -> None:
    """Delete an unneeded upload; if that fails, `pressrun batches clean` deletes it later."""
    with contextlib.suppress(openai.OpenAIError):
        client.files.delete(file_id)


def _ticket_of(view: BatchView, shard: Shard, run_id: str) -> BatchTicket:
    return _ticket(view, shard, run_id=view.metadata.get(RUN, run_id), adopted=True)


def _ticket(view: BatchView, shard: Shard, *, run_id: str, adopted: bool) -> BatchTicket:
    return BatchTicket(
        batch_id=view.batch_id, key=shard.key, created_at=view.created_at, adopted=adopted, run_id=run_id
    )
