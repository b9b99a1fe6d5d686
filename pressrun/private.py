"""Folders and files that only their owner may read.

Invariant: what Pressrun keeps for itself is never readable by another user of the machine: folders are 0700, files
0600, also those that an earlier version made wider. A folder that holds anything else, such as a home, keeps its mode.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from tempfile import mkstemp

__all__ = ["private_file", "private_folder", "private_opener", "state_folder"]

STATE = ("ledger.sqlite*", "shards", "temporary-server.log", "up", "wake", "prefect*", "simulator")
SIMULATOR = ("state.sqlite3*", "files")
"""What a folder of ours may hold; `prefect*` is the home that `make` gives to Prefect."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def state_folder(folder: Path) -> Path:
    """Make a folder whose name a user may have chosen; one that exists becomes private if it holds nothing but ours."""
    _make(folder)
    held = [entry.name for entry in folder.iterdir()]
    is_ours = bool(held) and all(any(fnmatch(name, ours) for ours in (*STATE, *SIMULATOR)) for name in held)
    if is_ours and folder.resolve() not in (Path.cwd(), Path.home()):
        _close([folder])
    return folder


def private_folder(folder: Path) -> Path:
    """Make a folder of ours, with its missing parents; one that exists becomes private. Raises `OSError`."""
    _make(folder)
    _close([folder])
    return folder


def private_file(path: Path) -> Path:
    """Make a file private, with what SQLite keeps beside it, before anything is written to it; a new one is empty.

    A file that exists is never opened: closing it again would end every lock that this process has on it, and with
    that SQLite's protection against other processes (sqlite.org/howtocorrupt.html, section 2.2). Where it is
    impossible to make a file private, the one who opens it says why.
    """
    if not path.exists():
        with suppress(OSError):
            _create(path)
    _close([path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))])
    return path


def _create(path: Path) -> None:
    """Create an empty file of mode 0600, complete before it has its name, unless another process is faster."""
    descriptor, new = mkstemp(prefix=path.name, dir=path.parent)
    os.close(descriptor)
    try:
        os.link(new, path)
    finally:
        Path(new).unlink()


def private_opener(path: str, flags: int) -> int:
    """For `open(..., opener=private_opener)`: a file that it creates is private."""
    return os.open(path, flags, 0o600)


def _make(folder: Path) -> None:
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            with suppress(FileExistsError):
                one.mkdir(0o700)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")


def _close(paths: Iterable[Path]) -> None:
    """Take group and others out of the mode of what belongs to this user."""
    for path in paths:
        with suppress(OSError):
            found = path.lstat()
            if found.st_uid == os.getuid() and found.st_mode & OTHERS and not stat.S_ISLNK(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
