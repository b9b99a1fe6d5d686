"""Managing what this project has at the provider: listing, cancelling and deleting batches and files.

Invariant: every listing is bounded and says when the bound was reached; every failure is one of our errors, with a
message that says what to do.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import openai
from openai import OpenAI

from pressrun.batchfile import read_json
from pressrun.errors import PressrunError, ProviderUnfit, Refused
from pressrun.routes.records import BatchListing, BatchRecord, FileListing, FileRecord

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
    records, is_complete = _pages(client, "/batches", most, BATCH_PAGE)
    batches = list({batch.id: batch for record in records if (batch := BatchRecord.read(record)).id}.values())
    # A stable sort: batches without a time stay behind the others in their order.
    batches.sort(key=lambda batch: batch.created_at or datetime.min.replace(tzinfo=UTC), reverse=True)
    return BatchListing(batches=tuple(batches), is_complete=is_complete)


def read_files(client: OpenAI, most: int = FILES) -> FileListing:
    """All files of the project, for any purpose. Raises `PressrunError`."""
    records, is_complete = _pages(client, "/files", most, FILE_PAGE)
    files = {file.id: file for record in records if (file := FileRecord.read(record)).id}
    return FileListing(files=tuple(files.values()), is_complete=is_complete)


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
            return BatchRecord.read(_get(client, f"/batches/{batch_id}"))
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
            return FileRecord.read(_get(client, f"/files/{quote(file_id, safe='')}"))
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


def _pages(client: OpenAI, path: str, most: int, page_size: int) -> tuple[list[dict[str, Any]], bool]:
    """The records of a list, and whether they are complete. The SDK's own iterator follows pages without a limit."""
    records: list[dict[str, Any]] = []
    after = ""
    while len(records) < most:
        with _explaining(f"list of {path.strip('/')}"):
            page = _get(client, f"{path}?limit={page_size}{after}")
        data = page.get("data")
        if not isinstance(data, list):
            raise PressrunError(f"The provider's list of {path.strip('/')} cannot be read. Nothing was changed.")
        records += [record for record in data if isinstance(record, dict)]
        if not records or not data or not page.get("has_more"):
            return records[:most], len(records) <= most
        after = f"&after={quote(str(records[-1].get('id')), safe='')}"
    return records[:most], False


def _get(client: OpenAI, path: str) -> dict[str, Any]:
    body = read_json(client.get(path, cast_to=httpx2.Response).content)
    if body is None:
        raise PressrunError(
            f"The provider's response to GET {path.partition('?')[0]} is not a JSON object. Nothing was changed. Check "
            "OPENAI_BASE_URL, which normally ends in /v1."
        )
    return body


@contextmanager
def _explaining(what: str) -> Iterator[None]:
    """Convert the SDK's errors into ours."""
    try:
        yield
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise ProviderUnfit(
            f"The provider refused the key (HTTP {error.status_code}, {what}). Check OPENAI_API_KEY."
        ) from None
    except openai.NotFoundError:
        raise PressrunError(f"The provider has no {what} (HTTP 404). Check OPENAI_BASE_URL.") from None
    except openai.APIStatusError as error:
        raise PressrunError(f"The provider answered HTTP {error.status_code} ({what}). Try again later.") from None
    except openai.APIConnectionError as error:
        raise PressrunError(
            f"The provider did not answer ({what}: {type(error).__name__}). Check OPENAI_BASE_URL, or try again later."
        ) from None
