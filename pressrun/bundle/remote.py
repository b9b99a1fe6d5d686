"""Puts a bundle that was written here to where it is wanted: S3, Google Cloud Storage, Azure, or whatever fsspec knows.

Invariant: a bundle there that has `manifest.json` is whole. What says that it is, is taken away first and written last,
so an upload that breaks off leaves a folder without it, and the next one begins anew.
"""

from pathlib import Path
from uuid import uuid4

import fsspec
from fsspec.core import split_protocol, url_to_fs

from pressrun.errors import DeliveryFailed, DestinationUnfit

__all__ = ["check_destination", "local_folder", "upload_folder"]

LAST = ("preview/index.html", "manifest.json")
"""In this order. A person opens the first; programs look for the second."""
UNSPENT = "This attempt has spent nothing."
"""A run that was suspended may have spent before."""
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
"""Our extra that brings the driver of a protocol."""


def local_folder(out: str) -> Path | None:
    """The folder of this machine that `out` names (a path, or `file://`); None when it is the address of another."""
    protocol, path = split_protocol(out)
    return Path(path) if protocol in {None, "file"} else None


def check_destination(out: str) -> None:
    """Raise `DestinationUnfit` when bundles cannot be put under `out`; a small file is written there and removed."""
    if local_folder(out) is not None:
        return
    protocol, _ = split_protocol(out)
    _require_driver(protocol, out)
    try:
        system, root = url_to_fs(out)
        probe = f"{root.rstrip('/')}/.pressrun-{uuid4().hex}"
        system.pipe_file(probe, b"Pressrun looks whether it can write here.")
        system.rm_file(probe)
    except Exception as error:  # Each driver has errors of its own, and all mean the same here.
        raise DestinationUnfit(f"Nothing can be written to {out} ({_said(error)}). {UNSPENT}") from error


def _require_driver(protocol: str, out: str) -> None:
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        raise DestinationUnfit(
            f"{out}: there is no storage by the name of {protocol}://. Give a folder, or an address that begins with "
            f"s3://, gs:// or az://. {UNSPENT}"
        ) from None
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        install = f"pip install 'pressrun[{extra}]'" if extra else f"install what it needs ({error})"
        raise DestinationUnfit(
            f"{out}: the driver for {protocol}:// is not installed where the run takes place: {install}. {UNSPENT}"
        ) from None


def upload_folder(folder: Path, url: str) -> str:
    """Make `url` hold exactly the files of `folder`; what is there is replaced. Gives back the address.

    Raises `DeliveryFailed`; the bundle that was there may be gone by then, and `manifest.json` with it.
    """
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    last = [name for name in LAST if name in names]
    try:
        system, root = url_to_fs(url)
        system.invalidate_cache()
        there = {path.removeprefix(f"{root}/") for path in system.find(root)}
        _remove(system, root, [name for name in reversed(LAST) if name in there])
        _put(system, folder, root, [name for name in names if name not in last])
        _remove(system, root, sorted(there - {*names, *LAST}))
        for name in last:
            _put(system, folder, root, [name])
    except Exception as error:  # As above: a driver's errors are its own.
        raise DeliveryFailed(
            f"The bundle could not be put at {url} ({_said(error)}). Everything that was paid for is kept: run again "
            "to deliver it."
        ) from error
    return url


def _remove(system: fsspec.AbstractFileSystem, root: str, names: list[str]) -> None:
    for name in names:
        system.rm_file(f"{root}/{name}")


def _put(system: fsspec.AbstractFileSystem, folder: Path, root: str, names: list[str]) -> None:
    if names:
        system.put([str(folder / name) for name in names], [f"{root}/{name}" for name in names])


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
