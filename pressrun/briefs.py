"""Reading several briefs at once, from files and folders.

Invariant: either all of them are fit, or nothing starts and the faults of all files are told.
"""

from collections.abc import Iterable
from pathlib import Path

from pressrun.brief import SiteBrief, load_brief
from pressrun.errors import BadBrief, Refused

__all__ = ["load_briefs"]

SUFFIXES = {".yaml", ".yml", ".json"}


def load_briefs(paths: Iterable[Path]) -> list[SiteBrief]:
    """Read every brief; a folder stands for the YAML and JSON files in it, in the order of their names.

    Raises `Refused` with the faults of all files, and when two sites have the same slug.
    """
    briefs: list[SiteBrief] = []
    faulty: list[BadBrief] = []
    for path in [file for one in paths for file in _files(one)]:
        try:
            briefs.append(load_brief(path))
        except BadBrief as error:
            faulty.append(error)
    if faulty:
        raise Refused("\n".join(str(error) for error in faulty))
    doubles = {brief.slug for brief in briefs if sum(other.slug == brief.slug for other in briefs) > 1}
    if doubles:
        raise Refused(
            f"Several briefs have the slug {', '.join(sorted(doubles))}. Nothing was spent. Give each its own."
        )
    return briefs


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise Refused(f"{path} has no brief in it (*.yaml, *.yml, *.json). Nothing was spent.")
    return files
