"""A bundle that waits for approval in a separate folder, and its delivery from there.

Invariant: what is delivered is what was shown, byte for byte, except for the manifest, which says who approved it.
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
    """Where a run puts its bundle until it is approved, instead of `out`; each run has its own folder."""
    return out / FOLDER / run_id


def hand_over(preview: Path, target: Path, decision: Decision) -> Path:
    """Write the bundle at `preview` to `target` atomically, and then remove the preview.

    Raises `StepFailed` when the preview no longer exists.
    """
    if not (preview / MANIFEST).exists():
        raise StepFailed(
            f"The site was approved, but its preview is no longer in {preview}, so it could not be delivered. "
            "Everything paid for is kept. Start the brief again to rebuild the site without paying again."
        )
    files = {path.relative_to(preview).as_posix(): path.read_bytes() for path in preview.rglob("*") if path.is_file()}
    account = with_decision(json.loads(files[MANIFEST]), decision)
    write_folder(target, {**files, MANIFEST: json.dumps(account, ensure_ascii=False, indent=2).encode()})
    shutil.rmtree(preview.parent)
    return target
