"""A bundle that waits for approval at a place of its own, and how it gets from there to where it belongs.

Invariant: what is delivered is what was shown, byte for byte, but for the manifest, which says who approved it.
"""

import json
import shutil
from pathlib import Path

from pressrun.bundle.writer import write_folder
from pressrun.errors import StepFailed
from pressrun.manifest import Decision, with_decision

__all__ = ["hand_over", "preview_out"]

FOLDER = ".preview"
MANIFEST = "manifest.json"


def preview_out(out: Path, run_id: str) -> Path:
    """Where a run puts its bundle until it is approved, in place of `out`; no other run's preview is there."""
    return out / FOLDER / run_id


def hand_over(preview: Path, target: Path, decision: Decision) -> Path:
    """Write the bundle that is at `preview` to `target` as one act, and then remove the preview.

    Raises `StepFailed` when it is no longer there.
    """
    if not (preview / MANIFEST).exists():
        raise StepFailed(
            f"The site was approved, but its preview is no longer in {preview}, so it could not be delivered. What was "
            "paid for is kept: start the brief again to have it made from that."
        )
    files = {path.relative_to(preview).as_posix(): path.read_bytes() for path in preview.rglob("*") if path.is_file()}
    account = with_decision(json.loads(files[MANIFEST]), decision)
    write_folder(target, {**files, MANIFEST: json.dumps(account, ensure_ascii=False, indent=2).encode()})
    shutil.rmtree(preview.parent)
    return target
