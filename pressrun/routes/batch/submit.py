"""Submitting a shard: search, upload, search again, create.

Invariant: work that has a live or finished batch at the provider is never submitted again. The provider's own list of
batches is the record: a batch has the key of its work in its metadata, or, where a gateway drops metadata, names an
upload whose file name has it. The list is searched before a batch is created. When the response to a creation is lost,
or an earlier process left its upload behind, a batch may exist that the list does not show yet; then the search lasts
as long as the list may lag. If the search fails, nothing is created. A successful reply to a creation means that a
batch exists, even if the reply cannot be read: then no other one is created.
"""

import contextlib
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import openai
from openai import OpenAI

from pressrun.errors import BatchLost, BatchRejected, Unreadable
from pressrun.frozen import Frozen
from pressrun.routes.batch.refusals import is_about_file, is_about_gone_file, refusal
from pressrun.routes.batch.uploads import (
    delete_upload,
    find_uploads,
    ids_of,
    older_than,
    time_to_appear,
    upload,
    usable,
)
from pressrun.routes.batch.view import BatchView, list_batches, misses_file
from pressrun.routes.failures import LONGEST_WAIT, needs_payment, reason_of, told_wait
from pressrun.routes.replies import read_reply
from pressrun.sharding import Shard
from pressrun.wire import read_json, text

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
LOST = (openai.APIConnectionError, openai.InternalServerError, Unreadable, BatchLost)
"""The batch may or may not have been created; with `BatchLost`, it was."""


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
    if not found and (uploads := find_uploads(client, shard, None)):
        found = find_batch(client, shard, uploads=ids_of(uploads))
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
    left = find_uploads(client, shard, only_run)
    if left and not found:
        found = find_batch(client, shard, only_run=only_run, uploads=ids_of(left))
        if found and _is_readable(client, found):
            return ticket_of(found, shard, run_id)
    gone = found.batch_id if found else None
    reusable = usable(client, shard, left or [])
    file_id = reusable[-1].id if reusable else upload(client, shard, only_run)
    # Uploads of this work, of which a batch may be about to appear.
    earlier = left if reusable else older_than(file_id, find_uploads(client, shard, only_run))
    ours = {file_id} | ids_of(left or []) | ids_of(earlier or [])
    search = partial(_look_for, client, shard, only_run, ours, but_not=gone)
    with lock or nullcontext():
        found = search(lasting=time_to_appear(client, earlier, list_lag))
        if found:
            if found.input_file_id not in (None, file_id):
                delete_upload(client, file_id)
            return ticket_of(found, shard, run_id)
        request = _request(shard, file_id, run_id, retention or Retention())
        anew = partial(upload, client, shard, only_run) if reusable else None
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
                refused = refusal(error, shard)
                # The upload stays where it is of use later.
                if isinstance(refused, BatchRejected) and not (needs_payment(error) or is_about_file(error)):
                    delete_upload(client, request["input_file_id"])
                raise refused from None
            waited += pause
            time.sleep(pause)


def _pause(error: openai.APIStatusError, waited: float) -> float | None:
    """Seconds before a creation that was refused is repeated, `waited` seconds in all so far; None when it is not."""
    if is_about_file(error):
        return FILE_PAUSE if waited < FILE_WAIT else None
    told = None if needs_payment(error) else told_wait(error, datetime.now(UTC))
    return told if told and error.status_code == 429 and waited + told <= LONGEST_WAIT else None


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
    """Whether a batch's answers exist: their file can be deleted, and expires after 30 days."""
    try:
        for file_id in view.result_files[:1]:
            with client.files.with_streaming_response.content(file_id):
                pass
    except openai.APIStatusError as error:
        if error.status_code in (404, 410) or (error.status_code == 400 and is_about_gone_file(error)):
            return False
        raise
    return True


def _created(view: BatchView, shard: Shard, run_id: str) -> BatchTicket:
    """The ticket for a batch that the last request created: no earlier than that began, whatever its time says."""
    now = datetime.now(UTC)
    created_at = min(max(view.created_at or now, now - timedelta(seconds=CREATE_TIMEOUT)), now)
    return BatchTicket(batch_id=view.batch_id, key=shard.key, created_at=created_at, adopted=False, run_id=run_id)
