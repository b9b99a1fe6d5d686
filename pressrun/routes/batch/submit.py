"""Submitting a shard: look, upload, look again, create.

Invariant: work that has a live or finished batch at the provider is never submitted again. The provider's own list of
batches is the ledger: a batch carries the key of its work in its metadata, and is looked for before one is created.
When a creation's answer is lost, or an earlier process left its upload behind, a batch may exist that the list does
not show yet; then we look for as long as the list may lag before anything is created. When looking fails, nothing is.
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
"""Version of the metadata we write; a batch of another version is not adopted."""
KEY, RUN, AFTER = "pressrun_key", "flow_run_id", "pressrun_after"
TRIES = 3
"""Creations that are tried when the answers are lost, each after a look that lasted as long as the list may lag."""
LOOKS = 6
"""Looks within the time that the list may lag."""
CREATE_TIMEOUT = 120.0
"""Seconds; a creation only writes a record."""
UNSEEN_FILE = {"file_id", "input_file_id"}
"""Parameters that a refusal names when an upload is not visible yet (bespokelabsai/curator#116)."""
REFUSED = (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError)
LOST = (openai.APIConnectionError, openai.InternalServerError, Unreadable)
"""The creation may or may not have been done."""


class BatchTicket(Frozen):
    """A batch that exists at the provider; the receipt of having submitted."""

    batch_id: str
    key: str
    created_at: datetime
    adopted: bool
    """Whether it was found rather than created by this submission."""
    run_id: str
    """The flow run that created it, and so pays for it."""
    replaces: str | None = None
    """Id of a batch that did the same work and whose result files are gone (deleted or expired): paid for twice."""


class Retention(Frozen):
    """How long the provider keeps what a batch leaves."""

    output_expires_after: timedelta | None = None
    """Counted from the creation of the output file; None leaves it to the provider (30 days)."""


def find_batch(client: OpenAI, shard: Shard, *, only_run: str | None = None) -> BatchView | None:
    """The newest batch for this work that ran, runs or will run; a refused one ran nothing and does not count.

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
    """A ticket for the batch that already does this work, if there is one whose answers can be had."""
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
    """Adopt the batch that already does this work, or create it; never blindly twice.

    A `fresh` run wants new answers, so it adopts only what it created itself. `lock` is held from the last look to the
    creation, so that two runs of the same work make one batch. Any exception leaves it open whether a batch was
    created, and is safe to answer by calling again: the look comes first. Raises `BatchRejected`, `Unreadable`, and
    the openai SDK's errors.
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
    """Look for a batch of this work at least once, and for as long as `lasting` when one may be about to show up."""
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
    """Create the batch. The SDK's own retries are off: the provider honours no idempotency key."""
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
        raise Unreadable("The provider's answer to the creation of a batch has no id.")
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
        f"The provider refused the batch of {shard.title}: {error.message}. Nothing of it ran or was billed; "
        "answers that were already paid for are kept, and running again goes on from there."
    )


def _is_readable(client: OpenAI, view: BatchView) -> bool:
    """Whether the result files that a batch names are there: they can be deleted, and expire after 30 days."""
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
    """The input files of this work that are at the provider, oldest first: signs that it may have been submitted.

    A server without a list of files gives no sign.
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
    """Uploads of another process at the same moment that came before ours: whoever uploaded first goes first."""
    ids = [upload.id for upload in uploads]
    return uploads[: ids.index(file_id)] if file_id in ids else []


def _doubt(client: OpenAI, uploads: list[Upload], list_lag: timedelta) -> timedelta:
    """For how long a batch of one of these uploads may yet show up: not at all when one is listed that used it."""
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
            "that was paid for is kept. To pay for the work anew, say --fresh."
        )
    with shard.path.open("rb") as file:
        reply = client.files.create(file=(shard.filename, file), purpose="batch")
    # An answer that is no JSON comes back from the SDK as text.
    file_id = getattr(reply, "id", None)
    if not isinstance(file_id, str):
        raise Unreadable("The provider's answer to an upload has no id.")
    return file_id


def _delete(client: OpenAI, file_id: str) -> None:
    """Remove an upload that nothing needs; one that stays is swept up by `pressrun batches clean`."""
    with contextlib.suppress(openai.OpenAIError):
        client.files.delete(file_id)


def _ticket_of(view: BatchView, shard: Shard, run_id: str) -> BatchTicket:
    return _ticket(view, shard, run_id=view.metadata.get(RUN, run_id), adopted=True)


def _ticket(view: BatchView, shard: Shard, *, run_id: str, adopted: bool) -> BatchTicket:
    return BatchTicket(
        batch_id=view.batch_id, key=shard.key, created_at=view.created_at, adopted=adopted, run_id=run_id
    )
