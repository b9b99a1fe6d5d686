import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from pressrun.bundle.existing import Identity, differences
from pressrun.bundle.placing import check_existing, place_bundle
from pressrun.errors import DestinationUnfit, Occupied
from pressrun.manifest import with_files
from tests.bundle.builder import make_site

BRIEF = make_site().brief
WHOLE = Identity.of(BRIEF, simulated=False)
LACKING = WHOLE.model_copy(update={"complete": False})
SIMULATED = WHOLE.model_copy(update={"simulated": True})
ELSEWHERE = WHOLE.model_copy(update={"domain": "other.example"})
SLUG = BRIEF.slug


def bundle(new: Identity = WHOLE, **files: str) -> dict[str, bytes]:
    data = {name.replace("_", "/") + ".txt": text.encode() for name, text in files.items()}
    return {**data, "manifest.json": json.dumps(with_files(new.model_dump(), data)).encode()}


def place(out: Path, new: Identity = WHOLE, **files: str) -> list[str]:
    """What was said of it."""
    said: list[str] = []
    place_bundle(out / SLUG, bundle(new, **files), new, said.append)
    return said


def contents(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name != "manifest.json"}


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_of_the_same_site_is_replaced_without_a_word(tmp_path: Path) -> None:
    place(tmp_path, a="old", deep_b="old")
    assert place(tmp_path, a="new") == []
    assert contents(tmp_path / SLUG) == {"a.txt": b"new"}
    assert listing(tmp_path) == [SLUG]


def edit(folder: Path) -> None:
    (folder / "a.txt").write_text("corrected")


def add_a_file(folder: Path) -> None:
    (folder / "notes.md").write_text("mine")


def delete_a_file(folder: Path) -> None:
    (folder / "a.txt").unlink()


def begin_a_repository(folder: Path) -> None:
    (folder / ".git" / "objects").mkdir(parents=True)


def add_a_link(folder: Path) -> None:
    (folder / "uploads").symlink_to(folder.parent)


def replace_a_file_by_a_link_to_the_same(folder: Path) -> None:
    (folder / "a.txt").rename(folder.parent / "elsewhere.txt")
    (folder / "a.txt").symlink_to(folder.parent / "elsewhere.txt")


def edit_the_manifest(folder: Path) -> None:
    account = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**account, "note": "checked by Ines"}))


def forget_the_hashes(folder: Path) -> None:
    """As an earlier version wrote it."""
    account = json.loads((folder / "manifest.json").read_text())
    del account["files"], account["domain"]
    (folder / "manifest.json").write_text(json.dumps(account))


CHANGES = [
    edit,
    add_a_file,
    delete_a_file,
    begin_a_repository,
    add_a_link,
    replace_a_file_by_a_link_to_the_same,
    edit_the_manifest,
    forget_the_hashes,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_a_person_changed_is_kept_whole_and_the_new_one_delivered(tmp_path: Path, change: Any) -> None:
    out = tmp_path / "sites"
    place(out, a="old")
    change(out / SLUG)
    before = {path.relative_to(out / SLUG): path.lstat().st_ino for path in (out / SLUG).rglob("*")}
    [said] = place(out, a="new")
    [kept] = out.glob(f"{SLUG}.kept-*")
    assert str(kept) in said
    assert {path.relative_to(kept): path.lstat().st_ino for path in kept.rglob("*")} == before
    assert contents(out / SLUG) == {"a.txt": b"new"}
    assert place(out, a="newer") == []


def test_what_a_system_puts_into_a_folder_by_itself_is_no_change(tmp_path: Path) -> None:
    place(tmp_path, a="old")
    (tmp_path / SLUG / ".DS_Store").write_bytes(b"\x00")
    assert differences(tmp_path / SLUG) == []


def test_two_changed_folders_are_kept_under_two_names(tmp_path: Path) -> None:
    for text in ("one", "two", "three"):
        place(tmp_path, a=text)
        (tmp_path / SLUG / "a.txt").write_text(f"{text}, corrected")
    place(tmp_path, a="four")
    kept = {(path / "a.txt").read_text() for path in tmp_path.glob(f"{SLUG}.kept-*")}
    assert kept == {"one, corrected", "two, corrected", "three, corrected"}


def a_checkout(target: Path) -> None:
    (target / ".git").mkdir(parents=True)
    (target / "index.html").write_text("theirs")


def a_foreign_manifest(target: Path) -> None:
    target.mkdir()
    (target / "manifest.json").write_text('{"name": "a web app", "icons": []}')


def a_manifest_that_is_a_link(target: Path) -> None:
    place(target.parent / "other", a="old")
    target.mkdir()
    (target / "manifest.json").symlink_to(target.parent / "other" / SLUG / "manifest.json")


def a_file(target: Path) -> None:
    target.write_text("theirs")


def a_link_to_a_web_root(target: Path) -> None:
    place(target.parent / "www", a="live")
    target.symlink_to(target.parent / "www" / SLUG)


def a_link_to_nowhere(target: Path) -> None:
    target.symlink_to(target.parent / "nowhere")


def another_site(target: Path) -> None:
    place(target.parent, ELSEWHERE, a="theirs")


def another_complete_site_of_an_unreadable_kind(target: Path) -> None:
    target.mkdir()
    (target / "manifest.json").write_text('{"site": ["harbour-bakery"], "complete": true}')


OTHERS = [
    a_checkout,
    a_foreign_manifest,
    a_manifest_that_is_a_link,
    a_file,
    a_link_to_a_web_root,
    a_link_to_nowhere,
    another_site,
    another_complete_site_of_an_unreadable_kind,
]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("there", OTHERS)
def test_what_is_not_ours_is_refused_beforehand_and_never_touched(tmp_path: Path, there: Any, complete: bool) -> None:
    there(tmp_path / SLUG)
    before = {path: path.lstat().st_ino for path in tmp_path.rglob("*")}
    with pytest.raises(DestinationUnfit, match=r"output folder\. This attempt spent nothing\."):
        check_existing(str(tmp_path), BRIEF, simulated=False)
    with pytest.raises(Occupied, match="Everything paid for is kept"):
        place(tmp_path, WHOLE if complete else LACKING, a="new")
    assert {path: path.lstat().st_ino for path in tmp_path.rglob("*")} == before


def test_what_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    place(tmp_path, a="old")
    monkeypatch.setattr(Path, "read_bytes", forbid)
    with pytest.raises(DestinationUnfit, match=r"cannot be read \(.*Permission denied.*This attempt spent nothing"):
        check_existing(str(tmp_path), BRIEF, simulated=False)


@pytest.mark.parametrize("locked", [SLUG, f"{SLUG}/deep"])
def test_a_folder_that_cannot_be_listed_is_refused_and_does_not_count_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    scandir = os.scandir

    def forbid(path: Any) -> Any:
        if Path(path) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    place(tmp_path, a="old", deep_b="old")
    if locked == SLUG:
        (tmp_path / SLUG / "manifest.json").unlink()
    monkeypatch.setattr(os, "scandir", forbid)
    with pytest.raises(DestinationUnfit, match=r"cannot be read \(.*Permission denied.*This attempt spent nothing"):
        check_existing(str(tmp_path), BRIEF, simulated=False)


def test_a_site_with_a_file_that_cannot_be_read_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def forbid(path: Path) -> bytes:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    place(tmp_path, a="old")
    monkeypatch.setattr(Path, "read_bytes", forbid)
    [said] = place(tmp_path, a="new")
    monkeypatch.undo()
    [kept] = tmp_path.glob(f"{SLUG}.kept-*")
    assert f"had changes (a.txt). It is kept as {kept}." in said
    assert (contents(kept), contents(tmp_path / SLUG)) == ({"a.txt": b"old"}, {"a.txt": b"new"})


def test_a_bundle_that_cannot_be_removed_is_told_of_and_the_new_one_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(path: Path) -> None:
        raise PermissionError(13, "Permission denied", "costs.html")

    place(tmp_path, a="whole")
    place(tmp_path, LACKING, a="part")
    monkeypatch.setattr(shutil, "rmtree", forbid)
    old, lesser = place(tmp_path, a="whole again")
    assert contents(tmp_path / SLUG) == {"a.txt": b"whole again"}
    [left] = tmp_path.glob(f"{SLUG}.old.kept-*")
    assert f"What is left of it is in {left}." in old
    assert f"{SLUG}.incomplete is no longer needed, but cannot be removed" in lesser
    assert contents(tmp_path / f"{SLUG}.incomplete") == {"a.txt": b"part"}


def test_a_simulated_site_does_not_replace_one_that_was_paid_for(tmp_path: Path) -> None:
    place(tmp_path, a="paid")
    with pytest.raises(DestinationUnfit, match="was paid for, which a simulated one does not replace"):
        check_existing(str(tmp_path), BRIEF, simulated=True)
    with pytest.raises(Occupied):
        place(tmp_path, SIMULATED, a="simulated")
    assert contents(tmp_path / SLUG) == {"a.txt": b"paid"}


def test_a_site_that_is_paid_for_replaces_its_rehearsal(tmp_path: Path) -> None:
    place(tmp_path, SIMULATED, a="simulated")
    check_existing(str(tmp_path), BRIEF, simulated=False)
    assert place(tmp_path, a="paid") == []
    assert contents(tmp_path / SLUG) == {"a.txt": b"paid"}


@pytest.mark.parametrize("there", [None, Path.mkdir])
def test_a_free_place_is_accepted(tmp_path: Path, there: Any) -> None:
    if there:
        there(tmp_path / SLUG)
    check_existing(str(tmp_path), BRIEF, simulated=False)
    assert place(tmp_path, a="new") == []


def test_an_incomplete_bundle_goes_beside_a_complete_one_which_then_supersedes_it(tmp_path: Path) -> None:
    place(tmp_path, a="whole")
    for text in ("part", "more"):
        [said] = place(tmp_path, LACKING, a=text)
        assert f"{tmp_path / SLUG}.incomplete" in said
    assert contents(tmp_path / SLUG) == {"a.txt": b"whole"}
    assert contents(tmp_path / f"{SLUG}.incomplete") == {"a.txt": b"more"}
    assert place(tmp_path, a="whole again") == []
    assert listing(tmp_path) == [SLUG]


def test_an_incomplete_bundle_that_somebody_worked_on_stays(tmp_path: Path) -> None:
    place(tmp_path, a="whole")
    place(tmp_path, LACKING, a="part")
    edit(tmp_path / f"{SLUG}.incomplete")
    place(tmp_path, a="whole again")
    assert contents(tmp_path / f"{SLUG}.incomplete") == {"a.txt": b"corrected"}


def test_runs_of_two_sites_with_one_slug_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    begun = threading.Barrier(2)
    failed: list[Exception] = []

    def run(new: Identity) -> None:
        begun.wait()
        try:
            place(tmp_path, new, a=new.domain)
        except Occupied as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(new,)) for new in (WHOLE, ELSEWHERE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 1
    assert listing(tmp_path) == [SLUG]


def test_a_folder_of_somebody_else_that_looks_like_a_leftover_is_not_deleted(tmp_path: Path) -> None:
    place(tmp_path, a="old")
    backup = tmp_path / f".{SLUG}.old"
    backup.mkdir()
    (backup / "precious.txt").write_text("mine")
    place(tmp_path, a="new")
    assert [path.read_text() for path in tmp_path.glob("*/precious.txt")] == ["mine"]
