"""How `pressrun batches` looks to a person.

Invariant: it draws what it is given and asks nobody; text of the provider reaches the terminal without its control
characters.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import humanize
from rich import box
from rich.table import Table
from rich.text import Text

from pressrun.cli.text import counted, plain
from pressrun.routes.cleaning import Cleaning
from pressrun.routes.records import BatchListing, BatchRecord, FileRecord

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
"""Sites that are named where there is little room."""
CANCELLING = (
    "Lines that are answered by then are kept and charged; the next run of the same brief collects them and asks only "
    "for the rest. Cancelling can take ten minutes."
)


def amount(files: Iterable[FileRecord]) -> str:
    """`3 files, 1.2 MB`; sizes that the provider does not tell are left out, and that is said."""
    sizes = [file.size for file in files]
    known = [size for size in sizes if size is not None]
    unknown = len(sizes) - len(known)
    suffix = f" ({counted(unknown, 'size is', 'sizes are')} not known)" if unknown else ""
    return f"{counted(len(sizes), 'file', 'files')}, {_size(sum(known))}{suffix}"


def _size(size: int | None) -> str:
    return "size not known" if size is None else humanize.naturalsize(size)


def _since(moment: datetime | None, now: datetime) -> str:
    return "?" if moment is None else humanize.naturaldelta(now - moment)


def _when(moment: datetime | None, now: datetime) -> str:
    """`2026-11-25 07:10:00 UTC (3 hours ago)`."""
    if moment is None:
        return "not told"
    relation = "ago" if moment <= now else "from now"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({humanize.naturaldelta(now - moment)} {relation})"


def _sites(batch: BatchRecord, most: int | None = None) -> str:
    """The slugs, `most` of them; where the provider's list was cut, its last one may be a fragment."""
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
    """How many there are, and what is not among them."""
    live = sum(batch.is_live for batch in chosen)
    others = sum(not batch.is_ours for batch in listing.batches)
    said = [f"{counted(len(chosen), 'batch', 'batches')}, {live} live." if chosen else _none(is_filtered=is_filtered)]
    if others:
        said.append(f"{counted(others, 'batch', 'batches')} not made by Pressrun not shown.")
    return " ".join([*said, *_bound(listing)])


def _none(*, is_filtered: bool) -> str:
    return f"There is no batch of Pressrun's{' that fits' if is_filtered else ''} in this project."


def _bound(listing: BatchListing) -> list[str]:
    if listing.is_complete:
        return []
    return [f"Only the newest {len(listing.batches):,} batches of the project were looked at; older ones may exist."]


def batch_sheet(batch: BatchRecord, files: Mapping[str, FileRecord | None], now: datetime) -> Table:
    """All that is known of one batch, a line each."""
    sheet = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    sheet.add_column(style="bold", no_wrap=True)
    sheet.add_column(overflow="fold")
    for name, value in [*_facts(batch, now), *_files(batch, files), ("next", _next(batch, files))]:
        sheet.add_row(name, Text(plain(value)))
    return sheet


def _facts(batch: BatchRecord, now: datetime) -> list[tuple[str, str]]:
    end = ("ends at the latest", batch.expires_at) if batch.is_live else ("ended", batch.ended_at)
    facts = [
        ("batch", batch.id),
        ("status", batch.status),
        ("made by", "Pressrun" if batch.is_ours else "someone else: it has no pressrun_key"),
        ("created", _when(batch.created_at, now)),
        (end[0], _when(end[1], now)),
        ("lines", f"{batch.completed} answered, {batch.failed} failed, {batch.total} in all"),
        ("endpoint", batch.endpoint),
        ("model", batch.model),
        ("sites", _sites(batch)),
        ("flow run", batch.run_id),
        ("key of the work", batch.key),
        ("does the rest of", batch.after),
        *(("validation", problem) for problem in batch.problems),
    ]
    return [(name, value) for name, value in facts if value]


def _files(batch: BatchRecord, files: Mapping[str, FileRecord | None]) -> list[tuple[str, str]]:
    return [
        (f"{what} file", f"{batch.files[what]}, {f'{file.name}, {_size(file.size)}' if file else 'gone'}")
        for what, file in files.items()
    ]


def _next(batch: BatchRecord, files: Mapping[str, FileRecord | None]) -> str:
    """What a person can do."""
    results = [file for what, file in files.items() if what != "input"]
    if not batch.is_ours:
        return "nothing that Pressrun would do"
    if batch.is_live:
        return f"the next run of the same brief waits for it; `pressrun batches cancel {batch.id}` stops it"
    if batch.status == "failed" and not results:
        return "none of it ran or was billed; the next run of the same brief sends it anew"
    if not results:
        return "no result file is named; they may lag behind the status by minutes"
    if None not in results:
        return "the next run of the same brief collects its answers, if none has yet"
    return "not all of its answers are at the provider any more; what no run has collected would be paid again"


def before_cancelling(batch: BatchRecord) -> str:
    state = f"{batch.status}, {batch.completed + batch.failed} of {batch.total} lines done"
    end = "" if batch.is_live else "; it has ended, so there is nothing to cancel"
    return plain(f"{batch.id}: {state}{end}.")


def after_cancelling(batch: BatchRecord) -> str:
    return plain(f"{batch.id} is {batch.status}: {counted(batch.completed, 'answer', 'answers')} kept.")


def removal_table(cleaning: Cleaning) -> Table | str:
    if not cleaning.removals:
        return "There is nothing to delete."
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for name in ("file", "name", "size", "why it may go"):
        table.add_column(name, overflow="fold", justify="right" if name == "size" else "left")
    for removal in cleaning.removals:
        cells = (removal.file.id, removal.file.name, _size(removal.file.size), removal.reason)
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table


def about_the_cleaning(cleaning: Cleaning, listing: BatchListing) -> str:
    """How much it is, what stays, and which answers would be lost."""
    files = [removal.file for removal in cleaning.removals]
    said = [f"To be deleted: {amount(files)}."] if files else []
    if cleaning.kept:
        said.append(f"{counted(cleaning.kept, 'input file stays', 'input files stay')}: too new, or a batch needs it.")
    said += _bound(listing)
    lines = [" ".join(said)] if said else []
    if cleaning.answers_of:
        lines.append("ANSWERS that no run has collected yet would be lost, and paid again. They are those of:")
        lines += [
            f"  {batch.id}: {counted(batch.completed, 'answer', 'answers')}, {_sites(batch, FEW)}"
            for batch in cleaning.answers_of
        ]
    return plain("\n".join(lines))
