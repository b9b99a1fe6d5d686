import shutil
import threading
from pathlib import Path

import pytest

from pressrun.bundle import writer
from pressrun.bundle.writer import check_name, write_folder

OLD = {"a.txt": b"old a", "deep/er/b.txt": b"old b"}
NEW = {"a.txt": b"new a", "c.txt": b"new c"}


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_holds_exactly_the_files(tmp_path):
    assert write_folder(tmp_path / "out" / "site", OLD) == tmp_path / "out" / "site"
    assert contents(tmp_path / "out" / "site") == OLD
    assert listing(tmp_path / "out") == ["site"]


def test_writing_again_leaves_nothing_of_the_old_folder(tmp_path):
    write_folder(tmp_path / "site", OLD)
    write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == NEW
    assert listing(tmp_path) == ["site"]


def test_others_may_read_what_was_written(tmp_path):
    write_folder(tmp_path / "site", OLD)
    assert (tmp_path / "site").stat().st_mode & 0o055 == 0o055


@pytest.mark.parametrize("failing", ["a.txt", "c.txt"])
def test_a_file_that_cannot_be_written_leaves_the_old_folder_whole(tmp_path, monkeypatch, failing):
    write_folder(tmp_path / "site", OLD)
    write_file = writer._write_file

    def fail(path: Path, data: bytes) -> None:
        if path.name == failing:
            path.write_bytes(data[:2])
            raise OSError(28, "No space left on device")
        write_file(path, data)

    monkeypatch.setattr(writer, "_write_file", fail)
    with pytest.raises(OSError, match="No space"):
        write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == OLD
    assert listing(tmp_path) == ["site"]


def test_a_swap_that_fails_puts_the_old_folder_back(tmp_path, monkeypatch):
    write_folder(tmp_path / "site", OLD)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == OLD
    assert listing(tmp_path) == ["site"]


def test_a_write_killed_half_way_is_cleaned_up_by_the_next(tmp_path):
    write_folder(tmp_path / "site", OLD)
    half = tmp_path / ".site.new-killed"
    half.mkdir()
    (half / "a.txt").write_bytes(b"ha")
    write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == NEW
    assert listing(tmp_path) == ["site"]


def test_a_write_killed_between_the_renames_loses_nothing_even_if_the_next_one_fails(tmp_path, monkeypatch):
    write_folder(tmp_path / "site", OLD)
    (tmp_path / "site").rename(tmp_path / ".site.old")

    def fail(path: Path, data: bytes) -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(writer, "_write_file", fail)
    with pytest.raises(OSError, match="disk gone"):
        write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == OLD


def test_a_write_killed_after_the_swap_keeps_the_new_folder(tmp_path):
    write_folder(tmp_path / "site", NEW)
    (tmp_path / ".site.old").mkdir()
    write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == NEW
    assert listing(tmp_path) == ["site"]


def forbid_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(path: Path) -> None:
        raise PermissionError(13, "Permission denied", "costs.html")

    monkeypatch.setattr(shutil, "rmtree", forbid)


def test_an_old_folder_that_cannot_be_removed_fails_neither_this_write_nor_the_next(tmp_path, monkeypatch):
    said: list[str] = []
    write_folder(tmp_path / "site", OLD)
    forbid_removal(monkeypatch)
    write_folder(tmp_path / "site", NEW, report=said.append)
    assert contents(tmp_path / "site") == NEW
    [left] = tmp_path.glob("site.old.kept-*")
    assert contents(left) == OLD
    assert [f"What is left of it is in {left}." in text for text in said] == [True]
    monkeypatch.undo()
    write_folder(tmp_path / "site", OLD, report=said.append)
    assert contents(tmp_path / "site") == OLD
    assert listing(tmp_path) == ["site", left.name]
    assert len(said) == 1


def test_leftovers_of_a_killed_write_that_cannot_be_removed_do_no_harm(tmp_path, monkeypatch):
    said: list[str] = []
    write_folder(tmp_path / "site", OLD)
    for name in (".site.old", ".site.new-killed"):
        (tmp_path / name).mkdir()
    forbid_removal(monkeypatch)
    write_folder(tmp_path / "site", NEW, report=said.append)
    assert contents(tmp_path / "site") == NEW
    assert not (tmp_path / ".site.old").exists()
    assert len(said) == len(list(tmp_path.glob("site.old.kept-*"))) == 2


def test_a_leftover_that_cannot_be_read_is_kept(tmp_path, monkeypatch):
    write_folder(tmp_path / "site", OLD)
    (tmp_path / ".site.old").mkdir()

    def forbid(folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(writer, "differences", forbid)
    write_folder(tmp_path / "site", NEW)
    assert contents(tmp_path / "site") == NEW
    assert len(list(tmp_path.glob("site.old.kept-*"))) == 1


def test_another_sites_leftovers_are_left_alone(tmp_path):
    (tmp_path / ".site-two.new-busy").mkdir()
    write_folder(tmp_path / "site", NEW)
    assert listing(tmp_path) == [".site-two.new-busy", "site"]


def test_two_writers_of_one_folder_both_finish(tmp_path):
    versions = [{f"{number}.txt": b"x" * 1000 for number in range(start, start + 20)} for start in (0, 100)]
    threads = [threading.Thread(target=write_folder, args=(tmp_path / "site", version)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(tmp_path / "site") in versions
    assert listing(tmp_path) == ["site"]


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "C:\\a", "c:a", "a\\b", "a\0b", ".."]
)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(ValueError, match="not a file name"):
        write_folder(tmp_path / "site", {"a.txt": b"", name: b""})
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", ["costs.csv", "wordpress/site.xml", ".hidden", "a..b", "成本.csv"])
def test_an_ordinary_name_is_accepted(name):
    assert check_name(name) == name
