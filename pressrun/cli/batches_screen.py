"""The terminal output of `pressrun batches`.

Invariant: it only renders what it is given; the provider's text reaches the terminal without control characters.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import humanize
from rich import box
from rich.table import Table
from rich.text import Text

from pressrun.cli.text import counted, plain
from pressrun.routes.cleaning import Cleaning
from pressrun.routes.filelist import FileRecord
from pressrun.routes.records import BatchListing, BatchRecord

__all__ = [
    "CANCELLING",
    "about_the_cleaning",
    "about_the_list",
    "after_cancelling",
    "amount",
    "batch_sheet",
    "batch_table",
    "before_cancelling",
    "removal_table",
]

FEW = 4
"""Sites that are named where space is limited."""
CANCELLING = (
    "Lines answered before the batch stops are kept and billed. The next run of the same brief collects them and "
    "requests only the rest. Cancelling can take ten minutes."
)


def amount(files: Iterable[FileRecord]) -> str:
    """`3 files, 1.2 MB`; sizes that the provider does not report are left out, with a note."""
    sizes = [file.size for file in files]
    known = [size for size in sizes if size is not None]
    unknown = len(sizes) - len(known)
    suffix = f" ({counted(unknown, 'size', 'sizes')} unknown)" if unknown else ""
    return f"{counted(len(sizes), 'file', 'files')}, {_size(sum(known))}{suffix}"


def _size(size: int | None) -> str:
    return "size unknown" if size is None else humanize.naturalsize(size)


def _since(moment: datetime | None, now: datetime) -> str:
    return "?" if moment is None else humanize.naturaldelta(now - moment)


def _when(moment: datetime | None, now: datetime) -> str:
    """`2026-11-25 07:10:00 UTC (3 hours ago)`."""
    if moment is None:
        return "unknown"
    relation = "ago" if moment <= now else "from now"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({humanize.naturaldelta(now - moment)} {relation})"


def _sites(batch: BatchRecord, most: int | None = None) -> str:
    """At most `most` slugs; where the provider's list was truncated, the last one may be a fragment."""
    whole = batch.sites[:-1] if batch.sites_cut else batch.sites
    shown = whole[:most]
    left = len(whole) - len(shown)
    if batch.sites_cut:
        return ", ".join(shown) + (f" and more than {left} others" if left else " and others")
    return ", ".join(shown) + (f" and {counted(left, 'other', 'others')}" if left else "")


def batch_table(batches: Sequence[BatchRecord], now: datetime) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for name in ("id", "status", "done", "age", "sites", "run"):
        table.add_column(name, overflow="fold", justify="right" if name in ("done", "age") else "left")
    for batch in batches:
        done = f"{batch.completed + batch.failed}/{batch.total}"
        age, run = _since(batch.created_at, now), (batch.run_id or "")[:8]
        cells = (batch.id, batch.status, done, age, _sites(batch, FEW), run)
        table.add_row(*(Text(plain(cell)) for cell in cells), style="" if batch.is_live else "dim")
    return table


def about_the_list(listing: BatchListing, chosen: Sequence[BatchRecord], *, is_filtered: bool) -> str:
    """How many there are, and what is not shown."""
    live = sum(batch.is_live for batch in chosen)
    others = sum(not batch.is_ours for batch in listing.batches)
    said = [f"{counted(len(chosen), 'batch', 'batches')}, {live} live." if chosen else _none(is_filtered=is_filtered)]
    if others:
        said.append(f"Not shown: {counted(others, 'batch', 'batches')} not created by Pressrun.")
    return " ".join([*said, *_bound(listing)])


def _none(*, is_filtered: bool) -> str:
    return f"This project has no Pressrun batches{' that match' if is_filtered else ''}."


def _bound(listing: BatchListing) -> list[str]:
    if listing.is_complete:
        return []
    return [f"Only the project's newest {len(listing.batches):,} batches were checked; older ones may exist."]


def batch_sheet(batch: BatchRecord, files: Mapping[str, FileRecord | None], now: datetime) -> Table:
    """The details of one batch, one per line."""
    sheet = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    sheet.add_column(style="bold", no_wrap=True)
    sheet.add_column(overflow="fold")
    for name, value in [*_facts(batch, now), *_files(batch, files), ("next", _next(batch, files))]:
        sheet.add_row(name, Text(plain(value)))
    return sheet


def _facts(batch: BatchRecord, now: datetime) -> list[tuple[str, str]]:
    end = ("expires", batch.expires_at) if batch.is_live else ("ended", batch.ended_at)
    facts = [
        ("batch", batch.id),
        ("status", batch.status),
        ("created by", "Pressrun" if batch.is_ours else "another program (no pressrun_key)"),
        ("created", _when(batch.created_at, now)),
        (end[0], _when(end[1], now)),
        ("lines", f"{batch.completed} answered, {batch.failed} failed, {batch.total} in total"),
        ("endpoint", batch.endpoint),
        ("model", batch.model),
        ("sites", _sites(batch)),
        ("flow run", batch.run_id),
        ("work key", batch.key),
        ("retries lines of", batch.after),
        *(("validation", problem) for problem in batch.problems),
    ]
    return [(name, value) for name, value in facts if value]


def _files(batch: BatchRecord, files: Mapping[str, FileRecord | None]) -> list[tuple[str, str]]:
    return [
        (f"{what} file", f"{batch.files[what]}, {f'{file.name}, {_size(file.size)}' if file else 'gone'}")
        for what, file in files.items()
    ]


def _next(batch: BatchRecord, files: Mapping[str, FileRecord | None]) -> str:
    """What can be done next."""
    results = [file for what, file in files.items() if what != "input"]
    if not batch.is_ours:
        return "nothing: Pressrun does not use it"
    if batch.is_live:
        return f"the next run of the same brief waits for it; `pressrun batches cancel {batch.id}` cancels it"
    if batch.status == "failed" and not results and not batch.completed:
        return "none of it ran or was billed; the next run of the same brief submits it again"
    if not results:
        return "no result files yet; they may lag behind the status by minutes"
    if None not in results:
        return "the next run of the same brief collects its answers, unless a run already has"
    return "some of its answers are no longer at the provider; any that no run has collected would be paid for again"


def before_cancelling(batch: BatchRecord) -> str:
    state = f"{batch.status}, {batch.completed + batch.failed} of {batch.total} lines done"
    end = "" if batch.is_live else "; it has already ended, so there is nothing to cancel"
    return plain(f"{batch.id}: {state}{end}.")


def after_cancelling(batch: BatchRecord) -> str:
    return plain(f"{batch.id} is {batch.status}: {counted(batch.completed, 'answer', 'answers')} kept.")


def removal_table(cleaning: Cleaning) -> Table | str:
    if not cleaning.removals:
        return "There is nothing to delete."
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for name in ("file", "name", "size", "why it can be deleted"):
        table.add_column(name, overflow="fold", justify="right" if name == "size" else "left")
    for removal in cleaning.removals:
        cells = (removal.file.id, removal.file.name, _size(removal.file.size), removal.reason)
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table


def about_the_cleaning(cleaning: Cleaning, listing: BatchListing) -> str:
    """How much would be deleted, what stays, and which answers would be lost."""
    files = [removal.file for removal in cleaning.removals]
    said = [f"To be deleted: {amount(files)}."] if files else []
    if cleaning.kept:
        kept = counted(cleaning.kept, "input file is", "input files are")
        said.append(f"{kept} kept: too new, or needed by a batch.")
    said += _bound(listing)
    lines = [" ".join(said)] if said else []
    if cleaning.answers_of:
        lines.append("WARNING: answers that no run has collected yet would be lost and paid for again:")
        lines += [
            f"  {batch.id}: {counted(batch.completed, 'answer', 'answers')}, {_sites(batch, FEW)}"
            for batch in cleaning.answers_of
        ]
    return plain("\n".join(lines))
