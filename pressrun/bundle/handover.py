"""A bundle that waits for approval in a separate folder, and its delivery from there.

Invariant: what is delivered is what was shown, byte for byte, except for the manifest, which says who approved it.
"""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from pressrun.bundle.existing import Identity, account_in
from pressrun.bundle.placing import place_bundle
from pressrun.errors import StepFailed
from pressrun.manifest import MANIFEST, Decision, with_decision

__all__ = ["hand_over", "preview_out"]

log = logging.getLogger(__name__)

FOLDER = ".preview"


def preview_out(out: Path, run_id: str) -> Path:
    """Where a run puts its bundle until it is approved, instead of `out`; each run has its own folder."""
    return out / FOLDER / run_id


def hand_over(preview: Path, target: Path, decision: Decision, report: Callable[[str], None] = log.warning) -> Path:
    """Write the bundle at `preview` to its place, `target` (see `placing`), and remove the preview. Returns the folder.

    Raises `StepFailed` when the preview no longer exists, and `Occupied` when something else is at `target`.
    """
    account = account_in(preview)
    if account is None:
        raise StepFailed(
            f"The site was approved, but its preview is no longer in {preview}, so it could not be delivered. "
            "Everything paid for is kept. Start the brief again to rebuild the site without paying again."
        )
    files = {path.relative_to(preview).as_posix(): path.read_bytes() for path in preview.rglob("*") if path.is_file()}
    approved = json.dumps(with_decision(account, decision), ensure_ascii=False, indent=2).encode()
    place = place_bundle(target, {**files, MANIFEST: approved}, Identity.read(account), report)
    try:
        shutil.rmtree(preview)
    except OSError as error:
        report(f"The site is delivered. Its preview in {preview} is no longer needed, but cannot be removed ({error}).")
    with contextlib.suppress(OSError):  # it may have folders that are kept
        preview.parent.rmdir()
    return place
