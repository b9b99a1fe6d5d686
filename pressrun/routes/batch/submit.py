"""Submitting a shard: search, upload, search again, create.

Invariant: work that has a live or finished batch at the provider is never submitted again. The provider's own list of
batches is the record: a batch has the key of its work in its metadata, or, where a gateway drops metadata, names an
upload whose file name has it. The list is searched before a batch is created. When the response to a creation is lost,
or an earlier process left its upload behind, a batch may exist that the list does not show yet; then the search lasts
as long as the list may lag. If the search fails, nothing is created. A successful reply to a creation means that a
batch exists, even if the reply cannot be read: then no other one is created.
"""

import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import openai
from openai import OpenAI

from pressrun.errors import BatchLost, BatchRejected, PressrunError, Unreadable
from pressrun.frozen import Frozen
from pressrun.reasons import is_transient
from pressrun.routes.batch.view import BatchView, list_batches, misses_file
from pressrun.routes.failures import LONGEST_WAIT, needs_payment, reason_of, say_reason, told_wait
from pressrun.routes.filelist import FileRecord
from pressrun.routes.replies import pages, read_reply
from pressrun.sharding import Shard
from pressrun.wire import ident, read_json, text

__all__ = ["BatchTicket", "Retention", "adopt", "find_batch", "submit", "ticket_of"]

SCHEMA = "1"
"""Version of our metadata; a batch of another version is not adopted."""
KEY, RUN, AFTER = "pressrun_key", "flow_run_id", "pressrun_after"
TRIES = 3
"""Attempts to create a batch when responses are lost, each after a search that lasts as long as the list may lag."""
LOOKS = 6
"""Searches within the time that the list may lag."""
CREATE_TIMEOUT = 120.0
"""Seconds; a creation only writes a record."""
FILE_WAIT, FILE_PAUSE = 60.0, 3.0
"""Seconds for which a creation is repeated while the provider still processes the upload, and between two attempts."""
UNREADY_FILE = re.compile(r"not (?:yet |in a |been )*(?:processed|ready|available|visible)|pending|being processed")
"""Words about a file that is still processed, in lower case (Azure: "not in a processed state: pending")."""
FILES, FILE_PAGE = 5_000, 1_000
"""How many of the provider's files are searched for uploads, newest first, and in pages of which size."""
KEY_REFUSED = (401, 403)
"""Statuses that say nothing about the batch, but something about the key."""
LOST = (openai.APIConnectionError, openai.InternalServerError, Unreadable, BatchLost)
"""The batch may or may not have been created; with `BatchLost`, it was."""
GONE = re.compile(r"expired|deleted|no longer (?:available|exists?)")
"""Words about a file that existed, in lower case."""


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


def ticket_of(view: BatchView, shard: Shard, run_id: str) -> BatchTicket:
    """The ticket for a batch that was found. `run_id` pays for it when its metadata are gone."""
    now = datetime.now(UTC)
    return BatchTicket(
        batch_id=view.batch_id,
        key=shard.key,
        created_at=min(view.created_at or now, now),
        adopted=True,
        run_id=view.metadata.get(RUN, run_id),
    )


class Retention(Frozen):
    """How long the provider keeps a batch's files."""

    output_expires_after: timedelta | None = None
    """Counted from the creation of the output file; None means the provider's default (30 days)."""


def find_batch(
    client: OpenAI, shard: Shard, *, only_run: str | None = None, uploads: Collection[str] = ()
) -> BatchView | None:
    """The newest batch for this work that ran, runs or will run; a refused one did not run and does not count.

    `only_run` leaves out the batches of other flow runs. `uploads` are the ids of input files for this work (and run),
    by which a batch without our metadata is recognised.
    """
    ours = (view for view in list_batches(client) if _is_ours(view, shard, only_run, uploads))
    return next((view for view in ours if not view.is_refused), None)


def _is_ours(view: BatchView, shard: Shard, only_run: str | None, uploads: Collection[str]) -> bool:
    metadata = view.metadata
    if KEY not in metadata:
        return view.input_file_id in uploads
    wanted = {KEY: shard.key, "pressrun_schema": SCHEMA} | ({RUN: only_run} if only_run else {})
    return metadata.get(AFTER) == shard.after and all(metadata.get(name) == value for name, value in wanted.items())


def adopt(client: OpenAI, shard: Shard, *, run_id: str) -> BatchTicket | None:
    """A ticket for the existing batch for this work, if there is one with available answers."""
    found = find_batch(client, shard)
    if not found and (uploads := _find_uploads(client, shard, None)):
        found = find_batch(client, shard, uploads=_ids(uploads))
    return ticket_of(found, shard, run_id) if found and _is_readable(client, found) else None


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
    calling again is safe, because the search comes first; not after `BatchLost`, when a batch exists that the search
    does not find. Raises `BatchLost`, `BatchRejected`, `Unreadable`, and the openai SDK's errors.
    """
    only_run = run_id if fresh else None
    found = find_batch(client, shard, only_run=only_run)
    if found and _is_readable(client, found):
        return ticket_of(found, shard, run_id)
    left = _find_uploads(client, shard, only_run)
    if left and not found:
        found = find_batch(client, shard, only_run=only_run, uploads=_ids(left))
        if found and _is_readable(client, found):
            return ticket_of(found, shard, run_id)
    gone = found.batch_id if found else None
    usable = _usable(client, shard, left or [])
    file_id = usable[-1].id if usable else _upload(client, shard, only_run)
    rivals = left if usable else _older_than(file_id, _find_uploads(client, shard, only_run))
    ours = {file_id} | _ids(left or []) | _ids(rivals or [])
    search = partial(_look_for, client, shard, only_run, ours, but_not=gone)
    with lock or nullcontext():
        found = search(lasting=_doubt(client, rivals, list_lag))
        if found:
            if found.input_file_id not in (None, file_id):
                _delete(client, file_id)
            return ticket_of(found, shard, run_id)
        request = _request(shard, file_id, run_id, retention or Retention())
        anew = partial(_upload, client, shard, only_run) if usable else None
        created = _create(client, shard, request, partial(search, lasting=list_lag), anew, ours)
    return created.model_copy(update={"replaces": gone})


def _look_for(
    client: OpenAI,
    shard: Shard,
    only_run: str | None,
    uploads: Collection[str],
    *,
    but_not: str | None,
    lasting: timedelta,
) -> BatchView | None:
    """Search for a batch of this work at least once, and for up to `lasting` when one may be about to appear."""
    end = time.monotonic() + lasting.total_seconds()
    while True:
        found = find_batch(client, shard, only_run=only_run, uploads=uploads)
        if found and found.batch_id != but_not:
            return found
        left = end - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, lasting.total_seconds() / LOOKS))


def _create(
    client: OpenAI,
    shard: Shard,
    request: dict[str, Any],
    look_again: Callable[[], BatchView | None],
    upload_anew: Callable[[], str] | None,
    uploads: set[str],
) -> BatchTicket:
    """Create the batch. The SDK's own retries are off, because the provider has no idempotency keys.

    `upload_anew` replaces an upload of an earlier process, once, when the provider does not find that.
    """
    lost, waited = 0, 0.0
    while True:
        try:
            return _created(_post(client, request), shard, request["metadata"][RUN])
        except LOST as doubt:
            found = look_again()
            if found:
                return ticket_of(found, shard, request["metadata"][RUN])
            lost += 1
            if lost == TRIES or isinstance(doubt, BatchLost):
                raise
        except openai.APIStatusError as error:
            if upload_anew and misses_file(reason_of(error), error.param):
                request["input_file_id"] = upload_anew()
                uploads.add(request["input_file_id"])
                upload_anew = None
                continue
            pause = _pause(error, waited)
            if pause is None:
                raise _refusal(client, error, shard, request["input_file_id"]) from None
            waited += pause
            time.sleep(pause)


def _pause(error: openai.APIStatusError, waited: float) -> float | None:
    """Seconds before a creation that was refused is repeated, `waited` seconds in all so far; None when it is not."""
    if _is_about_file(error):
        return FILE_PAUSE if waited < FILE_WAIT else None
    told = None if needs_payment(error) else told_wait(error, datetime.now(UTC))
    return told if told and error.status_code == 429 and waited + told <= LONGEST_WAIT else None


def _is_about_file(error: openai.APIStatusError) -> bool:
    """Whether the provider does not find the upload, or not yet: the same creation is accepted a little later."""
    said = reason_of(error)
    words = f"{said.code} {said.message}".lower()
    is_unready = "file" in words and UNREADY_FILE.search(words) is not None
    # A limit may be one of "pending batch files".
    return error.status_code != 429 and (misses_file(said, error.param) or is_unready)


def _refusal(client: OpenAI, error: openai.APIStatusError, shard: Shard, file_id: str | None) -> Exception:
    """What becomes of a request that the provider refused. The upload stays when it is of use later."""
    if (is_transient(error.status_code) or error.status_code in KEY_REFUSED) and not needs_payment(error):
        return error
    remedy = "Fix the request and run again."
    if needs_payment(error):
        remedy = "Pay the provider's bill or add credit, and run again."
    elif _is_about_file(error):
        remedy = "Run again, which uploads its input file anew."
    elif file_id:
        _delete(client, file_id)
    return BatchRejected(
        f"The provider refused the batch of {shard.title}: {say_reason(error).rstrip('.')}. None of it ran or was "
        f"billed. Answers already paid for are kept. {remedy}"
    )


def _post(client: OpenAI, request: dict[str, Any]) -> BatchView:
    """Ask for a batch. Raises `BatchLost` when it was created and the reply does not say which one it is."""
    once = client.with_options(max_retries=0, timeout=CREATE_TIMEOUT)
    response = once.post("/batches", body=request, cast_to=httpx2.Response)
    if (read_json(response.content) or {}).get("error"):
        read_reply(response)
    with contextlib.suppress(Unreadable):
        reply = read_reply(response)
        view = BatchView.read(reply.body, reply.ahead)
        if view.batch_id and text(reply.body.get("status")):
            return view
    raise BatchLost(
        f"The provider accepted a batch (HTTP {response.status_code}), but its response is not a batch, and its list "
        "of batches does not show a new one. The batch may run and be billed. Every answer already paid for is kept, "
        "and no other batch was created. Look at the provider's own list of batches: `pressrun batches adopt` takes "
        "the batch up. Running again pays for the work again unless the list shows the batch by then."
    )


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


def _is_readable(client: OpenAI, view: BatchView) -> bool:
    """Whether a batch's result files exist: they can be deleted, and expire after 30 days."""
    try:
        for file_id in view.result_files:
            with client.files.with_streaming_response.content(file_id):
                pass
    except openai.APIStatusError as error:
        if error.status_code in (404, 410) or (error.status_code == 400 and _is_about_gone_file(error)):
            return False
        raise
    return True


def _is_about_gone_file(error: openai.APIStatusError) -> bool:
    said = reason_of(error)
    return misses_file(said, error.param) or GONE.search((said.message or "").lower()) is not None


def _find_uploads(client: OpenAI, shard: Shard, only_run: str | None) -> list[FileRecord] | None:
    """The provider's input files for this work, oldest first: signs that it may have been submitted.

    `only_run` leaves out those of other runs. Empty for a server that does not list files; None when it fails to.
    """
    try:
        listed = _list_files(client)
    except Unreadable:
        return None
    except (openai.RateLimitError, openai.InternalServerError) as error:
        return [] if error.status_code == 501 else None
    except openai.APIStatusError as error:
        if error.status_code == 401:
            raise
        return []
    name = shard.filename_for(only_run)
    same = [file for file in listed if (file.name == name if only_run else shard.is_named_by(file.name))]
    return sorted(same, key=lambda file: (file.created_at or datetime.min.replace(tzinfo=UTC), file.id))


def _list_files(client: OpenAI) -> list[FileRecord]:
    files: list[FileRecord] = []
    for page in pages(client, "/files?purpose=batch", FILE_PAGE):
        files += [FileRecord.read(record, page.ahead) for record in page.records]
        if len(files) >= FILES:
            break
    return files


def _ids(uploads: Iterable[FileRecord]) -> set[str]:
    return {upload.id for upload in uploads}


def _usable(client: OpenAI, shard: Shard, uploads: list[FileRecord]) -> list[FileRecord]:
    """Without those that are not whole, or that validation did not find, although the list of files has them.

    Some servers list every file with 0 bytes.
    """
    uploads = [upload for upload in uploads if upload.size in (None, 0, shard.size)]
    if not uploads:
        return []
    lost = {view.input_file_id for view in list_batches(client) if view.is_without_file}
    return [upload for upload in uploads if upload.id not in lost]


def _older_than(file_id: str, uploads: list[FileRecord] | None) -> list[FileRecord] | None:
    """Concurrent uploads of other processes that came before ours: the oldest upload takes precedence."""
    if uploads is None:
        return None
    ids = [upload.id for upload in uploads]
    return uploads[: ids.index(file_id)] if file_id in ids else []


def _doubt(client: OpenAI, uploads: list[FileRecord] | None, list_lag: timedelta) -> timedelta:
    """How long a batch of one of these uploads may still take to appear; zero if a listed batch uses the upload.

    Where it is unknown when something was uploaded, or whether, it may have been just now.
    """
    if uploads is None:
        return list_lag
    now = datetime.now(UTC)
    lags = {upload.id: min(upload.created_at or now, now) + list_lag - now for upload in uploads}
    recent = {file_id: lag for file_id, lag in lags.items() if lag > timedelta(0)}
    if not recent:
        return timedelta(0)
    used = {view.input_file_id for view in list_batches(client)}
    return max((lag for file_id, lag in recent.items() if file_id not in used), default=timedelta(0))


def _upload(client: OpenAI, shard: Shard, only_run: str | None) -> str:
    if not shard.path.exists():
        raise PressrunError(
            f"The batch of {shard.title} is not at the provider, and its input file {shard.path} is gone. Every answer "
            "already paid for is kept. To pay for the work again, use --fresh."
        )
    try:
        with shard.path.open("rb") as file:
            reply = client.files.create(file=(shard.filename_for(only_run), file), purpose="batch")
    except openai.APIStatusError as error:
        raise _refusal(client, error, shard, None) from None
    # The SDK returns a response that is not JSON as text.
    file_id = ident(getattr(reply, "id", None))
    if not file_id:
        raise Unreadable("The provider's response to an upload has no id.")
    return file_id


def _delete(client: OpenAI, file_id: str) -> None:
    """Delete an unneeded upload; if that fails, `pressrun batches clean` deletes it later."""
    with contextlib.suppress(openai.OpenAIError):
        client.files.delete(file_id)


def _created(view: BatchView, shard: Shard, run_id: str) -> BatchTicket:
    """The ticket for a batch that the last request created: no earlier than that began, whatever its time says."""
    now = datetime.now(UTC)
    created_at = min(max(view.created_at or now, now - timedelta(seconds=CREATE_TIMEOUT)), now)
    return BatchTicket(batch_id=view.batch_id, key=shard.key, created_at=created_at, adopted=False, run_id=run_id)
