"""Uploads a local bundle to its destination: S3, Google Cloud Storage, Azure, or anything else that fsspec supports.

Invariant: an uploaded bundle with `manifest.json` is complete. The manifest is deleted first and written last, so an
interrupted upload leaves a folder without it, and the next upload starts again.
"""

from pathlib import Path
from uuid import uuid4

import fsspec
from fsspec.core import split_protocol, url_to_fs

from pressrun.errors import DeliveryFailed, DestinationUnfit

__all__ = ["check_destination", "local_folder", "upload_folder"]

LAST = ("preview/index.html", "manifest.json")
"""In this order. People open the first; programs check for the second."""
UNSPENT = "This attempt spent nothing."
"""A suspended run may have spent something earlier."""
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
"""The extra that installs the driver for a protocol."""


def local_folder(out: str) -> Path | None:
    """The local folder that `out` names (a path, or `file://`); None for any other URL."""
    protocol, path = split_protocol(out)
    return Path(path) if protocol in {None, "file"} else None


def check_destination(out: str) -> None:
    """Raise `DestinationUnfit` when bundles cannot be written to `out`; a small file is written there and removed."""
    if local_folder(out) is not None:
        return
    protocol, _ = split_protocol(out)
    _require_driver(protocol, out)
    try:
        system, root = url_to_fs(out)
        probe = f"{root.rstrip('/')}/.pressrun-{uuid4().hex}"
        system.pipe_file(probe, b"Pressrun tests whether it can write here.")
        system.rm_file(probe)
    except Exception as error:  # Each driver has its own errors, which all mean the same here.
        raise DestinationUnfit(f"Cannot write to {out} ({_said(error)}). {UNSPENT}") from error


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


def upload_folder(folder: Path, url: str) -> str:
    """Make `url` contain exactly the files of `folder`, replacing what is there. Returns the URL.

    Raises `DeliveryFailed`; the previous bundle, with its `manifest.json`, may then be gone.
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
    except Exception as error:  # As above, each driver has its own errors.
        raise DeliveryFailed(
            f"The bundle could not be uploaded to {url} ({_said(error)}). Everything paid for is kept. Run again to "
            "deliver it."
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
