"""Managing what this project has at the provider: listing, cancelling and deleting batches and files.

Invariant: every listing is bounded and says when the bound was reached; every failure is one of our errors, with a
message that says what to do.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import quote

import httpx2
import openai
from openai import OpenAI

from pressrun.errors import PressrunError, ProviderUnfit, Refused, Unreadable
from pressrun.routes.failures import reason_of
from pressrun.routes.filelist import FileListing, FileRecord
from pressrun.routes.records import BatchListing, BatchRecord
from pressrun.routes.replies import Page, Reply, pages, read_reply
from pressrun.wire import ident

__all__ = [
    "LOOK_BACK",
    "cancel_batch",
    "delete_file",
    "find_batch",
    "find_file",
    "read_batches",
    "read_files",
    "select",
]

LOOK_BACK = 1_000
"""Maximum number of batches listed."""
FILES = 50_000
"""Maximum number of files listed."""
BATCH_PAGE, FILE_PAGE = 100, 1_000
AN_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


def read_batches(client: OpenAI, most: int = LOOK_BACK) -> BatchListing:
    """All batches of the project, ours or not, up to `most`. Raises `PressrunError`."""
    read, is_complete = _read(client, "/batches", most, BATCH_PAGE)
    batches = [BatchRecord.read(record, page.ahead) for page in read for record in page.records][:most]
    # A stable sort: batches without a time stay behind the others in their order.
    batches.sort(key=lambda batch: batch.created_at or datetime.min.replace(tzinfo=UTC), reverse=True)
    return BatchListing(batches=tuple(batches), is_complete=is_complete)


def read_files(client: OpenAI, most: int = FILES) -> FileListing:
    """All files of the project, for any purpose. Raises `PressrunError`."""
    read, is_complete = _read(client, "/files", most, FILE_PAGE)
    files = [FileRecord.read(record, page.ahead) for page in read for record in page.records][:most]
    return FileListing(files=tuple(files), is_complete=is_complete)


def select(
    batches: Iterable[BatchRecord], *, site: str | None = None, run_id: str | None = None, live_only: bool = False
) -> list[BatchRecord]:
    """Our batches that match; `run_id` may be a prefix."""
    return [
        batch
        for batch in batches
        if batch.is_ours
        and (site is None or batch.may_hold(site))
        and (run_id is None or (batch.run_id or "").startswith(run_id))
        and (batch.is_live or not live_only)
    ]


def find_batch(client: OpenAI, batch_id: str) -> BatchRecord:
    """One batch by its id. Raises `Refused` when there is none, `PressrunError` when the provider fails."""
    nobody = Refused(
        f"There is no batch {batch_id!r} in the project of this key. Run `pressrun batches list` to see its batches."
    )
    if not AN_ID.fullmatch(batch_id):
        raise nobody
    with _explaining("batch"):
        try:
            return BatchRecord.read(*_get(client, f"/batches/{batch_id}"))
        except (openai.NotFoundError, openai.BadRequestError):
            raise nobody from None


def cancel_batch(client: OpenAI, batch_id: str) -> BatchRecord:
    """Ask the provider to cancel a batch, and read it again, as it may have ended first. Raises `PressrunError`."""
    # A conflict means that it has ended or is being cancelled.
    with _explaining(f"cancellation of {batch_id}"), suppress(openai.ConflictError, openai.BadRequestError):
        client.post(f"/batches/{quote(batch_id, safe='')}/cancel", cast_to=httpx2.Response)
    return find_batch(client, batch_id)


def find_file(client: OpenAI, file_id: str) -> FileRecord | None:
    """One file, or None when it is gone. Raises `PressrunError`."""
    with _explaining("file"):
        try:
            return FileRecord.read(*_get(client, f"/files/{quote(file_id, safe='')}"))
        except openai.NotFoundError:
            return None


def delete_file(client: OpenAI, file_id: str) -> bool:
    """Delete a file; False when it was already gone. Raises `PressrunError`."""
    with _explaining(f"deletion of {file_id}"):
        try:
            client.delete(f"/files/{quote(file_id, safe='')}", cast_to=httpx2.Response)
        except openai.NotFoundError:
            return False
    return True


def _read(client: OpenAI, path: str, most: int, page_size: int) -> tuple[list[Page], bool]:
    """The pages of a list up to about `most` records, and whether they are complete."""
    read: list[Page] = []
    with _explaining(f"list of {path.strip('/')}"):
        for page in pages(client, path, page_size):
            read.append(page)
            if sum(len(one.records) for one in read) >= most:
                break
    return read, read[-1].is_last and sum(len(one.records) for one in read) <= most


def _get(client: OpenAI, path: str) -> Reply:
    reply = read_reply(client.get(path, cast_to=httpx2.Response))
    if not ident(reply.body.get("id")):
        raise Unreadable(f"The provider's response to GET {path} has no id.")
    return reply


@contextmanager
def _explaining(what: str) -> Iterator[None]:
    """Convert the SDK's errors into ours, with the provider's own words where it gave any."""
    try:
        yield
    except Unreadable as error:
        raise PressrunError(
            f"{error} Nothing was changed ({what}). Check OPENAI_BASE_URL, which normally ends in /v1."
        ) from None
    except openai.APIStatusError as error:
        said = reason_of(error).message
        raise _explained(error.status_code, f"{what}: {said}" if said else what) from None
    except openai.APIConnectionError as error:
        raise PressrunError(
            f"The provider did not answer ({what}: {type(error).__name__}). Check OPENAI_BASE_URL, or try again later."
        ) from None


def _explained(status: int, what: str) -> PressrunError:
    if status in (401, 403):
        return ProviderUnfit(f"The provider refused the key (HTTP {status}, {what}). Check OPENAI_API_KEY.")
    if status == 404:
        return PressrunError(f"The provider has no such thing (HTTP 404, {what}). Check OPENAI_BASE_URL.")
    return PressrunError(f"The provider answered HTTP {status} ({what}). Try again later.")
