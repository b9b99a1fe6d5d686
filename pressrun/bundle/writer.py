"""Writes a folder atomically.

Invariant: a folder under its name is always either the complete old one or the complete new one. Between the two
renames of a swap it may be absent for a moment; a process killed just then leaves the old one under another name, and
the next write restores it first. A folder that is to be kept is renamed, never deleted. Once the new folder is in its
place, no failure to remove the old one undoes or fails the write.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pressrun.bundle.existing import differences

if sys.platform != "win32":
    import fcntl

__all__ = ["Settled", "check_name", "kept_name", "write_folder"]


def check_name(name: str) -> str:
    """A file's name inside the folder, such as `costs.csv` or `images/a.png`, with forward slashes.

    Raises `ValueError` for a name that is empty or absolute, or contains `..`, a backslash, a colon or a NUL.
    """
    path = PurePosixPath(name)
    parts = name.split("/")
    if path.is_absolute() or any(part in {"", ".", ".."} for part in parts) or any(sign in name for sign in "\\:\0"):
        raise ValueError(f"not a file name inside the bundle: {name!r}")
    return name


class Settled(NamedTuple):
    """Where a folder is to be written, and what becomes of the one that is there."""

    place: Path
    kept: Path | None = None
    """The name under which that one is kept; None to delete it."""


def _say_nothing(_text: str) -> None:
    pass


def write_folder(
    target: Path,
    files: Mapping[str, bytes],
    settle: Callable[[Path], Settled] = Settled,
    report: Callable[[str], None] = _say_nothing,
) -> Path:
    """Make a folder contain exactly `files` (by relative name): `target`, or the one that `settle` decides on.

    `settle` is asked while no other writer can change `target`; what it raises ends the write. `report` is told of an
    old folder that cannot be removed. Returns the folder.
    Raises `ValueError` for an invalid name and `OSError` when writing fails; the old folder then stays unchanged.
    """
    for name in files:
        check_name(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(target.parent):
        _clean_up(target, report)
        place, kept = settle(target)
        if place != target:
            _clean_up(place, report)
        fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}.new-", dir=place.parent))
        try:
            _fill(fresh, files)
            _swap_in(fresh, place, kept, report)
        finally:
            _discard(fresh)
    return place


def kept_name(target: Path) -> Path:
    """A free name beside `target`, such as `harbour-bakery.kept-20261128-093000`."""
    name = f"{target.name.removeprefix('.')}.kept-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(path for path in map(target.with_name, names) if not os.path.lexists(path))


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _clean_up(target: Path, report: Callable[[str], None]) -> None:
    """Clean up after a killed write: restore the old folder if it has no successor, and delete unfinished ones."""
    aside = _aside(target)
    if aside.exists() and not os.path.lexists(target):
        aside.rename(target)
    elif os.path.lexists(aside) and not _is_leftover(aside):
        aside.rename(kept_name(aside))
    _remove_old(aside, report)
    for leftover in target.parent.glob(f".{target.name}.new-*"):
        _discard(leftover)


def _is_leftover(aside: Path) -> bool:
    """Whether it is an old folder of ours, which nobody needs."""
    try:
        return not aside.is_symlink() and aside.is_dir() and not differences(aside)
    except OSError:
        return False


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.chmod(0o755)  # mkdtemp makes it private, but a bundle must be readable by others
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_file(path, data)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        _sync_folder(path)


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap_in(fresh: Path, target: Path, kept: Path | None, report: Callable[[str], None]) -> None:
    """What is kept gets its name at once, so that a kill cannot make it look like a leftover."""
    aside = kept or _aside(target)
    was_there = os.path.lexists(target)
    if was_there:
        target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        if was_there:
            aside.rename(target)
        raise
    _sync_folder(target.parent)
    if not kept:
        _remove_old(aside, report)


def _remove_old(aside: Path, report: Callable[[str], None]) -> None:
    """Remove an old folder; one that cannot be removed, such as a read-only one, gets a name that a person sees."""
    try:
        _remove(aside)
    except OSError as error:
        left = aside
        with contextlib.suppress(OSError):
            left = aside.rename(kept_name(aside))
        report(f"The old folder cannot be removed ({error}). What is left of it is in {left}.")


def _discard(path: Path) -> None:
    """Remove an unfinished folder if possible; no later write meets its name."""
    with contextlib.suppress(OSError):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def _sync_folder(folder: Path) -> None:
    """Make names durable, except on Windows, which cannot open a folder."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep two writers of the same folder from deleting each other's work.

    On file systems that cannot lock a folder (NFS) there is no lock; at worst, one of the two writers fails.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
