"""The input files at the provider: which are for a piece of work, and what they tell about its batch.

Invariant: an upload is a sign that its work may have been submitted, so a list of files that cannot be read is no sign
that it was not.
"""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import openai
from openai import OpenAI

from pressrun.errors import PressrunError, Unreadable
from pressrun.routes.batch.refusals import refusal
from pressrun.routes.batch.view import list_batches
from pressrun.routes.filelist import FileRecord
from pressrun.routes.replies import pages
from pressrun.sharding import Shard
from pressrun.wire import ident

__all__ = ["delete_upload", "find_uploads", "ids_of", "older_than", "time_to_appear", "upload", "usable"]

FILES, FILE_PAGE = 5_000, 1_000
"""How many of the provider's files are searched for uploads, newest first, and in pages of which size."""


def find_uploads(client: OpenAI, shard: Shard, only_run: str | None) -> list[FileRecord] | None:
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


def ids_of(uploads: Iterable[FileRecord]) -> set[str]:
    """Their ids."""
    return {one.id for one in uploads}


def usable(client: OpenAI, shard: Shard, uploads: list[FileRecord]) -> list[FileRecord]:
    """The uploads that are whole, and that validation did not miss although the list of files has them.

    Some servers list every file with 0 bytes.
    """
    uploads = [one for one in uploads if one.size in (None, 0, shard.size)]
    if not uploads:
        return []
    lost = {view.input_file_id for view in list_batches(client) if view.is_without_file}
    return [one for one in uploads if one.id not in lost]


def older_than(file_id: str, uploads: list[FileRecord] | None) -> list[FileRecord] | None:
    """Concurrent uploads of other processes that came before ours: the oldest upload takes precedence."""
    if uploads is None:
        return None
    ids = [one.id for one in uploads]
    return uploads[: ids.index(file_id)] if file_id in ids else []


def time_to_appear(client: OpenAI, uploads: list[FileRecord] | None, list_lag: timedelta) -> timedelta:
    """How long a batch of one of these uploads may still take to appear; zero if a listed batch uses the upload.

    Where it is unknown when something was uploaded, or whether, it may have been just now.
    """
    if uploads is None:
        return list_lag
    now = datetime.now(UTC)
    lags = {one.id: min(one.created_at or now, now) + list_lag - now for one in uploads}
    recent = {file_id: lag for file_id, lag in lags.items() if lag > timedelta(0)}
    if not recent:
        return timedelta(0)
    used = {view.input_file_id for view in list_batches(client)}
    return max((lag for file_id, lag in recent.items() if file_id not in used), default=timedelta(0))


def upload(client: OpenAI, shard: Shard, only_run: str | None) -> str:
    """Upload the input file; returns its id. The name is one that only `only_run` may use, if that is given.

    Raises `PressrunError` when the file is gone, `BatchRejected`, `Unreadable`, and the openai SDK's errors.
    """
    if not shard.path.exists():
        raise PressrunError(
            f"The batch of {shard.title} is not at the provider, and its input file {shard.path} is gone. Every answer "
            "already paid for is kept. To pay for the work again, use --fresh."
        )
    try:
        with shard.path.open("rb") as file:
            reply = client.files.create(file=(shard.filename_for(only_run), file), purpose="batch")
    except openai.APIStatusError as error:
        raise refusal(error, shard) from None
    # The SDK returns a response that is not JSON as text.
    file_id = ident(getattr(reply, "id", None))
    if not file_id:
        raise Unreadable("The provider's response to an upload has no id.")
    return file_id


def delete_upload(client: OpenAI, file_id: str) -> None:
    """Delete an unneeded upload; if that fails, `pressrun batches clean` deletes it later."""
    with contextlib.suppress(openai.OpenAIError):
        client.files.delete(file_id)
