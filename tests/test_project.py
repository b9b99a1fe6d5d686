from pathlib import Path

import pytest

from pressrun import project
from pressrun.errors import Refused
from pressrun.project import is_project, project_folder, write_project

ROOT = Path(__file__).parent.parent


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of an installed Pressrun."""
    files = tmp_path / "wheel"
    for name in ("prefect.yaml", "flows/build_site.py", "tasks/keys.py"):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(f"# {name}\n")
    monkeypatch.setattr(project, "IN_THE_WHEEL", files)
    return files


def test_an_empty_folder_becomes_a_project_folder_and_stays_one(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "agency"
    folder.mkdir()
    assert {verb for verb, _ in write_project(folder)} == {"created"}
    assert is_project(folder)
    assert list(write_project(folder)) == []


def test_a_file_that_a_user_has_changed_is_kept_and_named(wheel: Path, tmp_path: Path) -> None:
    list(write_project(tmp_path))
    changed = tmp_path / "flows" / "build_site.py"
    changed.write_text("# mine\n")
    assert list(write_project(tmp_path)) == [("kept", changed)]
    assert changed.read_text() == "# mine\n"


def test_the_folder_of_another_project_is_left_alone(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "prefect.yaml").write_text("name: another\n")
    with pytest.raises(Refused, match="another project"):
        list(write_project(tmp_path))
    assert not (tmp_path / "flows").exists()


def test_in_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    assert list(write_project(tmp_path)) == []


def test_the_working_directory_comes_first_when_it_is_a_project_folder(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folder() == ROOT
    list(write_project(tmp_path))
    assert project_folder() == tmp_path
