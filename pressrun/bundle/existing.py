"""What is at a bundle's destination already, and whether the bundle may take its place.

Invariant: only what Pressrun wrote for the same site is ever replaced, as the manifest in it proves, file by file.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pressrun.brief import SiteBrief
from pressrun.frozen import Frozen
from pressrun.manifest import MANIFEST, account_hash, file_hash
from pressrun.wire import mapping

__all__ = [
    "Identity",
    "account_in",
    "beside",
    "differences",
    "is_better",
    "is_written",
    "objection",
    "objection_to",
    "read_account",
]

SYSTEM_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What macOS and Windows put into a folder that a person has looked at."""
MOVE = "Move it away, or choose another output folder."


class Identity(Frozen):
    """What tells one bundle from another."""

    site: str
    """The slug."""
    domain: str
    simulated: bool
    complete: bool = True

    @classmethod
    def of(cls, brief: SiteBrief, *, simulated: bool, complete: bool = True) -> "Identity":
        return cls(site=brief.slug, domain=brief.domain, simulated=simulated, complete=complete)

    @classmethod
    def read(cls, account: Mapping[str, Any]) -> "Identity":
        """The identity of the bundle that has this manifest."""
        return cls(
            site=str(account["site"]),
            domain=str(account.get("domain", "")),
            simulated=bool(account.get("simulated")),
            complete=bool(account.get("complete")),
        )


def read_account(data: bytes) -> dict[str, Any] | None:
    """The manifest in `data`; None when it is not one."""
    try:
        account = mapping(json.loads(data))
    except (ValueError, RecursionError):
        return None
    return account if isinstance(account.get("site"), str) else None


def objection(place: str, old: Mapping[str, Any] | None, new: Identity) -> str | None:
    """Why the bundle `new` must not replace what is at `place`; None when it may. `old` is the manifest there."""
    if old is None:
        return f"{place} has files that are not a bundle of Pressrun. {MOVE}"
    domain = old.get("domain", new.domain)  # manifests of earlier versions do not have it
    if (old["site"], domain) != (new.site, new.domain):
        return f"{place} has the site of {domain}, which a site of {new.domain} does not replace. {MOVE}"
    if new.simulated and not old.get("simulated"):
        return f"{place} has a site that was paid for, which a simulated one does not replace. {MOVE}"
    return None


def objection_to(target: Path, new: Identity) -> str | None:
    """Why the bundle `new` must not replace the folder `target`; None when it may, or when nothing is there.

    Raises `OSError` when a folder in it cannot be read.
    """
    if target.is_symlink():
        return (
            f"{target} is a symbolic link, which Pressrun neither follows nor replaces. Remove it, or choose another "
            "output folder."
        )
    if not target.exists() or (target.is_dir() and not _entries(target)):
        return None
    return objection(str(target), account_in(target), new)


def is_better(old: Mapping[str, Any] | None, new: Identity) -> bool:
    """Whether what is there is complete, and `new` is not."""
    return bool(old and old.get("complete")) and not new.complete


def beside(place: str) -> str:
    """Where an incomplete bundle goes when a complete one is at `place`."""
    return f"{place}.incomplete"


def account_in(folder: Path) -> dict[str, Any] | None:
    """The manifest of the bundle in `folder`; None when there is none. Raises `OSError` when it cannot be read."""
    path = folder / MANIFEST
    return read_account(path.read_bytes()) if _is_file(path) else None


def differences(folder: Path) -> list[str]:
    """Names in `folder` that are not as its manifest says they were written: changed, added or removed.

    In a folder without a manifest these are all; a manifest of an earlier version vouches for nothing. A file that
    cannot be read is not vouched for either. Raises `OSError` when a folder or the manifest cannot be read.
    """
    account = account_in(folder) or {}
    found = _entries(folder)
    odd = [name for name, path in found.items() if not _is_as_written(name, path, account)]
    return sorted({*odd, *(mapping(account.get("files")).keys() - found.keys())})


def is_written(name: str, data: bytes, account: Mapping[str, Any]) -> bool:
    """Whether `data` is what the manifest `account` says was written under this name."""
    written = mapping(account.get("files")).get(name, "")
    if written is None:
        return True  # an upload was interrupted, so either version is ours
    return bool(written == (account_hash(account) if name == MANIFEST else file_hash(data)))


def _is_as_written(name: str, path: Path, account: Mapping[str, Any]) -> bool:
    try:
        return _is_file(path) and is_written(name, path.read_bytes(), account)
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _entries(folder: Path) -> dict[str, Path]:
    """Files, links and empty folders, by name inside `folder`; what a system puts there by itself does not count.

    Raises `OSError` when a folder cannot be read: it is not empty for that.
    """
    found = {}
    for here, folders, files in os.walk(folder, onerror=_fail):
        at = Path(here)
        links = [name for name in folders if (at / name).is_symlink()]
        is_empty = not folders and not files and at != folder
        paths = [at] if is_empty else [at / name for name in (*files, *links) if name not in SYSTEM_FILES]
        found.update({path.relative_to(folder).as_posix(): path for path in paths})
    return found


def _fail(error: OSError) -> None:
    raise error
