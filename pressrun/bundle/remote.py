"""Uploads a local bundle to its destination: S3, Google Cloud Storage, Azure, or anything else that fsspec supports.

Invariant: an uploaded bundle with `manifest.json` is whole. The manifest is deleted first and written last, so an
interrupted upload leaves a folder without it, and the next upload starts again. Only what an earlier upload of the same
site wrote is deleted; a copy is kept of what somebody else changed.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
from fsspec.core import split_protocol, url_to_fs

from pressrun.bundle.existing import Identity, beside, is_better, is_written, objection, read_account
from pressrun.errors import DeliveryFailed, DestinationUnfit, Occupied
from pressrun.manifest import MANIFEST

__all__ = ["check_destination", "local_folder", "objection_at", "upload_folder"]

LAST = ("preview/index.html", MANIFEST)
"""In this order. People open the first; programs check for the second."""
UNFINISHED = ".pressrun-upload.json"
"""The manifest of an upload that is under way, with the names of all files that it may have written or deleted."""
UNSPENT = "This attempt spent nothing."
"""A suspended run may have spent something earlier."""
PROBE = b"Pressrun tests whether it can write here."
LOCAL = {None, "file", "local"}
"""fsspec's names of the local file system, and a plain path."""
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
"""The extra that installs the driver for a protocol."""


def local_folder(out: str) -> Path | None:
    """The local folder that `out` names (a path, or `file://`); None for any other URL."""
    protocol, path = split_protocol(out)
    return Path(path) if protocol in LOCAL else None


def check_destination(out: str) -> None:
    """Raise `DestinationUnfit` when bundles cannot be written to `out`; a small file is written there and removed."""
    folder = local_folder(out)
    if folder is not None:
        check_folder(folder, "The output folder (--out)", is_named=bool(split_protocol(out)[1].strip()))
        return
    protocol, _ = split_protocol(out)
    if protocol == "memory":
        raise DestinationUnfit(f"{out}: a site in memory is gone when the run ends. Use a folder or s3://. {UNSPENT}")
    _require_driver(protocol, out)
    try:
        system, root = url_to_fs(out)
        probe = f"{root.rstrip('/')}/.pressrun-{uuid4().hex}"
        system.pipe_file(probe, PROBE)
        system.rm_file(probe)
    except Exception as error:  # Each driver has its own errors, which all mean the same here.
        raise DestinationUnfit(f"Cannot write to {out} ({_said(error)}). {UNSPENT}") from error


def check_folder(folder: Path, what: str, *, is_named: bool = True) -> None:
    """Raise `DestinationUnfit`, which names `what`, when a folder cannot be created or written to.

    A small file is written where the folder is or would be, and removed.
    """
    if not is_named:
        raise DestinationUnfit(f"{what} has no name. Name a folder. {UNSPENT}")
    try:
        there = next(path for path in [folder, *folder.absolute().parents] if _exists(path))
        if not there.is_dir():
            kind = "a link that leads nowhere" if there.is_symlink() and not there.exists() else "a file"
            raise DestinationUnfit(f"{what} cannot be {folder}: {there} is {kind}. Name a folder. {UNSPENT}")
        probe = there / f".pressrun-{uuid4().hex}"
        try:
            probe.write_bytes(PROBE)
        finally:
            probe.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DestinationUnfit(f"{what} cannot be written to: {folder} ({why}). Name another. {UNSPENT}") from None


def _exists(path: Path) -> bool:
    """Whether anything is there, be it a broken link. Raises `OSError` when nothing ever can be (a name too long)."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _require_driver(protocol: str, out: str) -> None:
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        raise DestinationUnfit(
            f"{out}: unknown storage {protocol}://. Use a folder, or a URL that begins with s3://, gs:// or az://. "
            f"{UNSPENT}"
        ) from None
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        install = f"pip install 'pressrun[{extra}]'" if extra else f"install its driver ({error})"
        raise DestinationUnfit(
            f"{out}: the driver for {protocol}:// is not installed where the run executes: {install}. {UNSPENT}"
        ) from None


def objection_at(url: str, new: Identity) -> str | None:
    """Why the bundle `new` must not replace what is at `url`; None when it may. Raises `DestinationUnfit`."""
    try:
        system, root = url_to_fs(url)
        account = _account(system, root)
        return objection(url, account, new) if account or system.find(root) else None
    except Exception as error:  # As above, each driver has its own errors.
        raise DestinationUnfit(f"Cannot read {url} ({_said(error)}). {UNSPENT}") from error


def upload_folder(folder: Path, url: str, new: Identity, report: Callable[[str], None]) -> str:
    """Upload the bundle `new` to `url`, or beside it when it is incomplete and a complete one is there.

    Returns the URL. `report` is told what was kept, and where. Raises `DeliveryFailed`; the previous bundle, with its
    `manifest.json`, may then be gone. Raises `Occupied` when `url` has something else.
    """
    try:
        system, root = url_to_fs(url)
        system.invalidate_cache()
        if is_better(_require_free(system, root, url, new), new):
            report(f"The bundle at {url} is complete and stays. The incomplete one is at {beside(url)}.")
            url, root = beside(url), beside(root)
            _require_free(system, root, url, new)
        _replace(system, root, folder, url, report)
    except DeliveryFailed:
        raise
    except Exception as error:  # As above, each driver has its own errors.
        raise DeliveryFailed(
            f"The bundle could not be uploaded to {url} ({_said(error)}). Everything paid for is kept. Run again to "
            "deliver it."
        ) from error
    return url


def _require_free(system: fsspec.AbstractFileSystem, root: str, url: str, new: Identity) -> dict[str, Any] | None:
    """The manifest of the bundle at `root`, if there is one. Raises `Occupied`."""
    account = _account(system, root)
    found = objection(url, account, new) if account or system.find(root) else None
    if found:
        raise Occupied(f"The bundle was not delivered. {found} Everything paid for is kept. Run again to deliver it.")
    return account


def _account(system: fsspec.AbstractFileSystem, root: str) -> dict[str, Any] | None:
    """The manifest of the bundle at `root`, or of an upload that was interrupted; None when there is neither."""
    for name in (MANIFEST, UNFINISHED):
        try:
            if account := read_account(system.cat_file(f"{root}/{name}")):
                return account
        except FileNotFoundError:
            continue
    return None


def _replace(
    system: fsspec.AbstractFileSystem, root: str, folder: Path, url: str, report: Callable[[str], None]
) -> None:
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    last = [name for name in LAST if name in names]
    account = _account(system, root) or {}
    there = {path.removeprefix(f"{root}/") for path in system.find(root)}
    ours = there & {*account.get("files", {}), UNFINISHED}
    _keep_changed(system, root, sorted(there & {*ours, *names} - {UNFINISHED}), account, url, report)
    begun = {**_read(folder), "complete": False, "files": dict.fromkeys((*ours, *names))}
    system.pipe_file(f"{root}/{UNFINISHED}", json.dumps(begun).encode())
    _remove(system, root, [name for name in reversed(LAST) if name in there])
    _put(system, folder, root, [name for name in names if name not in last])
    _remove(system, root, sorted(ours - {*names, *LAST, UNFINISHED}))
    for name in last:
        _put(system, folder, root, [name])
    _remove(system, root, [UNFINISHED])


def _read(folder: Path) -> dict[str, Any]:
    return read_account((folder / MANIFEST).read_bytes()) or {}


def _keep_changed(
    system: fsspec.AbstractFileSystem,
    root: str,
    names: Iterable[str],
    account: Mapping[str, Any],
    url: str,
    report: Callable[[str], None],
) -> None:
    """Copy files that are about to go, and are not as they were written, to a folder beside `root`."""
    suffix = f".kept-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    kept = [name for name in names if not is_written(name, system.cat_file(f"{root}/{name}"), account)]
    for name in kept:
        system.copy(f"{root}/{name}", f"{root}{suffix}/{name}")
    if kept:
        report(f"{url} had changes in {', '.join(kept[:3])}. What was there is kept in {url}{suffix}.")


def _remove(system: fsspec.AbstractFileSystem, root: str, names: list[str]) -> None:
    for name in names:
        system.rm_file(f"{root}/{name}")


def _put(system: fsspec.AbstractFileSystem, folder: Path, root: str, names: list[str]) -> None:
    if names:
        system.put([str(folder / name) for name in names], [f"{root}/{name}" for name in names])


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
