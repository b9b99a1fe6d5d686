"""The project folder: flows, tasks and deployments, which Prefect loads from files.

Invariants: nothing of ours is a top-level module in somebody's environment, and no file of a user's is overwritten.
"""

import filecmp
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pressrun.errors import Refused

__all__ = ["importable", "is_project", "project_folder", "write_project"]

PACKAGE = Path(__file__).parent
IN_THE_WHEEL = PACKAGE / "project_files"


def is_project(folder: Path) -> bool:
    """Whether flows can be deployed from a folder."""
    return (folder / "prefect.yaml").is_file() and (folder / "flows" / "build_site.py").is_file()


def project_folder() -> Path:
    """The working directory when it is a project folder, else the files of this version: a checkout or the wheel's."""
    return next(folder for folder in (Path.cwd(), PACKAGE.parent, IN_THE_WHEEL) if is_project(folder))


def importable() -> None:
    """Make `flows` and `tasks` of the project folder the ones that this process imports."""
    folder = str(project_folder())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def write_project(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the files of this version into a folder that Prefect can deploy from; a checkout needs none.

    Yields each file that was `created`, or `kept` because it is there and differs from this version's. Raises `Refused`
    for a folder of another Prefect project.
    """
    if not IN_THE_WHEEL.is_dir():
        return
    if (folder / "prefect.yaml").exists() and not is_project(folder):
        raise Refused(f"{folder} has a prefect.yaml of another project. Run this in a folder of its own.")
    for source in sorted(file for file in IN_THE_WHEEL.rglob("*") if file.is_file()):
        if source.suffix == ".pyc":
            continue
        target = folder / source.relative_to(IN_THE_WHEEL)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            yield "created", target
        elif not filecmp.cmp(source, target, shallow=False):
            yield "kept", target
