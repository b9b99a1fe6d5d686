"""Reading several briefs at once, from files, folders, patterns and CSV files.

Invariant: every requested brief is either read or reported with its faults, and no two sites share a slug.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

from pressrun.brief import Contact, SiteBrief, load_brief
from pressrun.csvtext import CsvRow, csv_rows
from pressrun.errors import BadBrief, Refused
from pressrun.files import read_model, read_text
from pressrun.marked import Marked

__all__ = ["FoundBriefs", "find_briefs", "load_briefs"]

SUFFIXES = {".yaml", ".yml", ".json"}
TABLES = {".csv", ".tsv", ".tab"}
MANGLED = re.compile(r"\d([.,]\d+)?E\+\d+", re.ASCII)
"""How Excel saves a long number, such as a telephone number: without its last digits."""
TABLE_LIMIT = 10_000_000
"""Bytes of a CSV file."""
SITE_LIMIT = 10_000
"""Rows of a CSV file."""
GROUPS = {"contact": Contact}
"""Fields whose parts have a column each, such as `contact.email`."""
SEPARATORS = r"[;；؛\r\n]"
"""Nobody writes these within an entry of a list."""
COMMAS = {"services": "[、､]", "keywords": "[、､，,]", "brand_colours": "[、､，,]", "pages": "[、､，,]"}
"""The fields that may have several entries in one cell, with the commas that separate them where `SEPARATORS` do not
occur. A service may contain an ordinary comma (`Cakes for weddings, birthdays and christenings`)."""


class FoundBriefs(NamedTuple):
    """The result, in the order of the file names."""

    briefs: list[SiteBrief]
    faulty: list[BadBrief]
    """One for each file, or line of a CSV file, that is not a valid brief."""


def load_briefs(paths: Iterable[Path]) -> list[SiteBrief]:
    """Read every brief; a folder stands for the YAML and JSON files in it, in the order of their names.

    Raises `Refused` with the faults of all files, and when two sites have the same slug.
    """
    found = find_briefs(map(str, paths))
    if found.faulty:
        raise Refused("\n".join(map(str, found.faulty)))
    return found.briefs


def find_briefs(places: Iterable[str]) -> FoundBriefs:
    """Read the briefs in files, folders, patterns such as `clients/*.yaml`, and CSV files with one site per row.

    A site with the slug of an earlier one is faulty. Raises `Refused` when a location has no briefs at all.
    """
    found = FoundBriefs([], [])
    slugs: set[str] = set()
    for source, read in [one for place in places for one in _read_place(place)]:
        if isinstance(read, BadBrief):
            found.faulty.append(read)
        elif read.slug in slugs:
            fault = f"slug: another brief also has the slug {read.slug}; slugs must be unique"
            found.faulty.append(BadBrief(source, [fault]))
        else:
            slugs.add(read.slug)
            found.briefs.append(read)
    return found


def _read_place(place: str) -> list[tuple[str, SiteBrief | BadBrief]]:
    """Every brief at a location, or its faults, with its source. Raises `Refused` when there is none."""
    read = [one for path in _files(place) for one in _read_file(path)]
    if not read:
        raise Refused(f"{place} has no brief in it. Nothing was spent.")
    return read


def _files(place: str) -> list[Path]:
    """The files at a location. Hidden files and pipes in a folder are no briefs."""
    path = Path(place)
    try:
        if path.is_dir():
            inside = (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            files = sorted(file for file in inside if not file.name.startswith(".") and not file.is_fifo())
        else:
            # Not Path.glob, which refuses patterns that begin at the root.
            files = sorted(map(Path, glob(place, recursive=True))) if has_magic(place) else [path]  # noqa: PTH207
    except (OSError, ValueError) as error:
        raise Refused(f"{place} cannot be read ({getattr(error, 'strerror', error)}). Nothing was spent.") from None
    if not files:
        raise Refused(f"{place} contains no briefs (*.yaml, *.yml, *.json). Nothing was spent.")
    return files


def _read_file(path: Path) -> Iterator[tuple[str, SiteBrief | BadBrief]]:
    try:
        if _is_table(path):
            yield from _read_table(path)
        else:
            yield str(path), load_brief(path)
    except BadBrief as error:
        yield str(path), error


def _is_table(path: Path) -> bool:
    """Whether a file has a site in each row; Excel saves its "Unicode text" as `.txt`, with tabs."""
    suffix = path.suffix.lower()
    return suffix in TABLES or (suffix == ".txt" and "\t" in read_text(path, TABLE_LIMIT).partition("\n")[0])


def _read_table(path: Path) -> Iterator[tuple[str, SiteBrief | BadBrief]]:
    """One brief per row, below a head of field names; `contact.email` is the contact's e-mail address."""
    head, *rows = [*csv_rows(read_text(path, TABLE_LIMIT))] or [CsvRow(1, [], "the file is empty")]
    names = [_column(cell) for cell in head.cells]
    if faults := _faults_of_head(head, names, len(rows)):
        raise BadBrief(str(path), [f"line {head.line}: {fault}" for fault in faults])
    for row in rows:
        source = f"{path}:{row.line}"
        try:
            yield source, read_model(_marked(names, row), source, SiteBrief)
        except BadBrief as error:
            yield source, error


def _column(cell: str) -> str:
    """`Brand colours` -> `brand_colours`."""
    return re.sub(r"\s+", "_", cell.strip().lower())


def _faults_of_head(head: CsvRow, names: list[str], rows: int) -> list[str]:
    if head.fault:
        return [head.fault]
    if not {name.partition(".")[0] for name in names} & SiteBrief.model_fields.keys():
        found = ", ".join(name[:40] for name in names[:10])
        return [f"the first row must name the fields of a brief, such as name, domain, services (found: {found})"]
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    faults = [f"the columns {_numbered(names, name)} are both named {name}; rename or remove one" for name in twice]
    return faults + [f"more than {SITE_LIMIT:,} rows; split the file"] * (rows > SITE_LIMIT)


def _numbered(names: list[str], wanted: str) -> str:
    numbers = [str(number) for number, name in enumerate(names, start=1) if name == wanted]
    return " and ".join([", ".join(numbers[:-1]), numbers[-1]])


def _marked(names: list[str], row: CsvRow) -> Marked:
    data: dict[str, Any] = {}
    faults = [row.fault] if row.fault else []
    for number, (name, cell) in enumerate(zip(names, row.cells, strict=False), start=1):
        outer, _, inner = name.partition(".")
        if not cell.strip():
            continue
        if not name:
            faults.append(f"column {number} has a value, but the head has no name for it")
        elif MANGLED.fullmatch(cell.strip()):
            said = f"a spreadsheet turned a number into {cell.strip()}"
            faults.append(f"{name}: {said}; enter it again in a column formatted as text")
        elif name in GROUPS:
            columns = ", ".join(f"{name}.{part}" for part in GROUPS[name].model_fields)
            faults.append(f"{name}: should be a group of fields; use the columns {columns} (got {cell[:60]!r})")
        elif outer in GROUPS:
            data.setdefault(outer, {})[inner] = cell
        else:
            data[name] = _entries(name, cell, faults) if name in COMMAS else cell
    if any(map(str.strip, row.cells[len(names) :])):
        faults.append(f"{len(row.cells)} cells, but the header has {len(names)}")
    return Marked(
        data=None if row.fault else data, lines={(): row.line}, faults=[(row.line, fault) for fault in faults]
    )


def _entries(name: str, cell: str, faults: list[str]) -> list[str]:
    """The entries of a list in one cell."""
    separator = SEPARATORS if re.search(SEPARATORS, cell.strip()) else COMMAS[name]
    entries = [part.strip() for part in re.split(separator, cell) if part.strip()]
    if separator != SEPARATORS and "，" in "".join(entries):
        faults.append(f"{name}: put ； between the entries, or after a single one (got {cell[:60]!r})")
    return entries
