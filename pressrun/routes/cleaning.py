"""Which files at the provider can be deleted.

Invariant: a file is chosen only if it is Pressrun's and no batch can still need it: an unknown status counts as live, a
file of unknown age as new, and anything beyond the listing as in use.
"""

from datetime import UTC, datetime, timedelta

from pressrun.frozen import Frozen
from pressrun.routes.filelist import FileListing, FileRecord
from pressrun.routes.records import BatchListing, BatchRecord

__all__ = ["Cleaning", "Removal", "plan_cleaning"]

LONGEST_LIFE = timedelta(days=3)
"""An unfinished batch is never older than this, including time for finalizing and cancelling."""


class Removal(Frozen):
    """A file that can be deleted, and why."""

    file: FileRecord
    reason: str


class Cleaning(Frozen):
    """What can be deleted."""

    removals: tuple[Removal, ...]
    answers_of: tuple[BatchRecord, ...]
    """Batches whose answers would be lost."""
    kept: int
    """Our input files that stay, because they are too new, in use, or possibly in use."""


def plan_cleaning(
    batches: BatchListing, files: FileListing, *, older_than: timedelta, answers: bool, now: datetime
) -> Cleaning:
    """What can be deleted: our input files that no live batch uses, and with `answers` the results of ended batches.

    Files newer than `older_than` stay: a run may have just uploaded one and not yet created its batch.
    """
    before = now - older_than
    ended = [batch for batch in batches.batches if batch.is_ours and not batch.is_live and _ended_before(batch, before)]
    user_of = {batch.input_file_id: batch for batch in reversed(batches.batches) if batch.input_file_id}
    in_use = {file_id for batch in batches.batches if batch.is_live for file_id in batch.files.values()}
    inputs = [file for file in files.files if file.is_our_input]
    horizon = _horizon(batches, now)
    removals = [
        Removal(file=file, reason=_why(user_of.get(file.id)))
        for file in inputs
        if file.id not in in_use and file.created_at and horizon <= file.created_at < before
    ]
    kept = len(inputs) - len(removals)
    if not answers:
        return Cleaning(removals=tuple(removals), answers_of=(), kept=kept)
    known = {file.id: file for file in files.files if file.id not in in_use}
    losing = [batch for batch in ended if known.keys() & set(_results(batch))]
    removals += [
        Removal(file=known[file_id], reason=f"{what} file of {batch.id}")
        for batch in losing
        for what, file_id in batch.files.items()
        if what != "input" and file_id in known
    ]
    return Cleaning(removals=tuple(removals), answers_of=tuple(losing), kept=kept)


def _results(batch: BatchRecord) -> list[str]:
    return [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]


def _why(user: BatchRecord | None) -> str:
    return f"input of {user.id}, which has ended ({user.status})" if user else "no batch uses it"


def _ended_before(batch: BatchRecord, before: datetime) -> bool:
    moment = batch.ended_at or batch.expires_at
    return moment is not None and moment < before


def _horizon(batches: BatchListing, now: datetime) -> datetime:
    """A file newer than this is used by no unlisted batch, because a batch is created after its input file."""
    beginning = datetime.min.replace(tzinfo=UTC)
    if batches.is_complete:
        return beginning
    oldest = min((batch.created_at for batch in batches.batches if batch.created_at), default=now)
    # Unlisted batches are even older; beyond the longest lifetime none of them is live.
    return beginning if oldest < now - LONGEST_LIFE else oldest
