"""Reading several briefs at once, from files, folders, patterns and CSV files.

Invariant: every requested brief is either read or reported with its faults, and no two sites share a slug.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

from pressrun.brief import SiteBrief, load_brief
from pressrun.errors import BadBrief, Refused
from pressrun.files import read_model, read_text
from pressrun.marked import Marked

__all__ = ["FoundBriefs", "find_briefs", "load_briefs"]

SUFFIXES = {".yaml", ".yml", ".json"}
LISTS = {"services", "keywords", "brand_colours", "pages"}
"""Fields that may have several values in one CSV cell, separated by semicolons."""


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
    """Read the briefs in files, folders, patterns such as `clients/*.yaml`, and CSV files with one site per line.

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


def _read_place(place: str) -> Iterator[tuple[str, SiteBrief | BadBrief]]:
    """Every brief at a location, or its faults, with its source."""
    for path in _files(place):
        if path.suffix.lower() == ".csv":
            yield from _read_csv(path)
            continue
        try:
            yield str(path), load_brief(path)
        except BadBrief as error:
            yield str(path), error


def _files(place: str) -> list[Path]:
    path = Path(place)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    else:
        # Not Path.glob, which refuses patterns that begin at the root.
        files = sorted(map(Path, glob(place, recursive=True))) if has_magic(place) else [path]  # noqa: PTH207
    if not files:
        raise Refused(f"{place} contains no briefs (*.yaml, *.yml, *.json). Nothing was spent.")
    return files


def _read_csv(path: Path) -> Iterator[tuple[str, SiteBrief | BadBrief]]:
    """One brief per line, below a header of field names; `contact.email` is the contact's e-mail address."""
    try:
        rows = csv.reader(io.StringIO(read_text(path)), strict=True)
        head = next(rows, [])
        lines = [(rows.line_num, cells) for cells in rows if any(cells)]
    except BadBrief as error:
        yield str(path), error
        return
    except csv.Error as error:
        yield str(path), BadBrief(str(path), [f"line {rows.line_num}: {error}"])
        return
    for line, cells in lines:
        source = f"{path}:{line}"
        try:
            yield source, read_model(_marked(head, cells, line), source, SiteBrief)
        except BadBrief as error:
            yield source, error


def _marked(head: list[str], cells: list[str], line: int) -> Marked:
    data: dict[str, Any] = {}
    for name, cell in zip(head, cells, strict=False):
        outer, _, inner = name.strip().rpartition(".")
        group = data.setdefault(outer, {}) if outer else data
        if cell.strip():
            group[inner] = [part.strip() for part in cell.split(";") if part.strip()] if inner in LISTS else cell
    surplus = [(line, f"{len(cells)} cells, but the header has {len(head)}")] if len(cells) > len(head) else []
    return Marked(data=data, lines={(): line}, faults=surplus)
