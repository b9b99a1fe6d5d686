import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pressrun.bundle.handover import hand_over, preview_out
from pressrun.errors import Occupied, StepFailed
from pressrun.gates import Gate
from pressrun.manifest import Decision, with_files

DECISION = Decision(
    about=Gate.DELIVERY, version=1, decision="approve", by="Ines", notes="", edited=[], at=datetime.now(UTC)
)


def a_preview(out: Path, run_id: str = "run-1", page: bytes = b"\xefHello") -> Path:
    folder = preview_out(out, run_id) / "bakery"
    (folder / "preview").mkdir(parents=True)
    (folder / "preview" / "index.html").write_bytes(page)
    account = {"site": "bakery", "domain": "bakery.example", "complete": True, "decisions": [{"about": "config"}]}
    files = {"preview/index.html": page}
    (folder / "manifest.json").write_text(json.dumps(with_files(account, files)))
    return folder


def test_what_was_shown_is_delivered_with_the_decision_in_its_manifest(tmp_path: Path) -> None:
    preview = a_preview(tmp_path)
    assert hand_over(preview, tmp_path / "bakery", DECISION) == tmp_path / "bakery"
    assert (tmp_path / "bakery" / "preview" / "index.html").read_bytes() == b"\xefHello"
    account = json.loads((tmp_path / "bakery" / "manifest.json").read_text())
    assert [decision["about"] for decision in account["decisions"]] == ["config", "delivery"]
    assert account["decisions"][1]["by"] == "Ines"


def test_the_preview_is_gone_then_and_those_of_other_runs_are_not(tmp_path: Path) -> None:
    preview, other = a_preview(tmp_path), a_preview(tmp_path, "run-2")
    hand_over(preview, tmp_path / "bakery", DECISION)
    assert not preview.parent.exists()
    assert other.exists()


def test_a_preview_that_cannot_be_removed_does_not_fail_the_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    said: list[str] = []
    preview = a_preview(tmp_path)
    monkeypatch.setattr(shutil, "rmtree", forbid)
    assert hand_over(preview, tmp_path / "bakery", DECISION, said.append) == tmp_path / "bakery"
    assert (tmp_path / "bakery" / "preview" / "index.html").read_bytes() == b"\xefHello"
    assert f"Its preview in {preview} is no longer needed, but cannot be removed" in said[0]


def test_a_site_that_was_there_is_replaced(tmp_path: Path) -> None:
    hand_over(a_preview(tmp_path), tmp_path / "bakery", DECISION)
    hand_over(a_preview(tmp_path, page=b"newer"), tmp_path / "bakery", DECISION)
    assert (tmp_path / "bakery" / "preview" / "index.html").read_bytes() == b"newer"
    assert not list(tmp_path.glob("bakery.*"))


def test_what_is_no_bundle_is_not_replaced_and_the_preview_stays(tmp_path: Path) -> None:
    old = tmp_path / "bakery" / "old.txt"
    old.parent.mkdir()
    old.write_text("old")
    preview = a_preview(tmp_path)
    with pytest.raises(Occupied, match="not a bundle of Pressrun"):
        hand_over(preview, tmp_path / "bakery", DECISION)
    assert old.exists()
    assert preview.exists()


def test_what_a_person_corrected_in_the_preview_is_delivered_and_kept_by_the_next_delivery(tmp_path: Path) -> None:
    preview = a_preview(tmp_path)
    (preview / "preview" / "index.html").write_text("corrected")
    hand_over(preview, tmp_path / "bakery", DECISION)
    hand_over(a_preview(tmp_path), tmp_path / "bakery", DECISION)
    [kept] = tmp_path.glob("bakery.kept-*")
    assert (kept / "preview" / "index.html").read_text() == "corrected"
    assert (tmp_path / "bakery" / "preview" / "index.html").read_bytes() == b"\xefHello"


def test_a_preview_that_somebody_removed_is_said_to_be_gone_and_the_old_site_stays(tmp_path: Path) -> None:
    old = tmp_path / "bakery" / "old.txt"
    old.parent.mkdir()
    old.write_text("old")
    with pytest.raises(StepFailed, match="no longer in"):
        hand_over(tmp_path / "gone", tmp_path / "bakery", DECISION)
    assert old.exists()
