"""Pressrun as somebody installs it: from a wheel, in an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.live.installation import ROOT
from tests.patience import HANG
from tests.prefect_database import copy_database


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content; what it depends on comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=HANG)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def pressrun(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {
        "PYTHONPATH": str(installed),
        "PREFECT_HOME": str(folder / "prefect"),
        "PRESSRUN_STATE_DIR": str(folder / "state"),
    }
    command = [sys.executable, "-m", "pressrun", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=HANG, check=False)


def test_the_only_package_that_it_installs_is_pressrun(installed: Path) -> None:
    packages = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert packages == {"pressrun"}


def test_a_site_is_built_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    copy_database(tmp_path / "prefect")
    brief = installed / "pressrun" / "project_files" / "examples" / "harbour-bakery.yaml"
    built = pressrun(installed, tmp_path, "build", str(brief), "--simulate")
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "sites" / "harbour-bakery" / "preview" / "index.html").exists()
