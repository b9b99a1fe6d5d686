"""A migrated Prefect database, made once on a machine and copied.

Making one takes a Prefect server 7 s of CPU, and every worker of the tests needs its own.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

__all__ = ["copy_database"]

TEMPLATES = Path(__file__).parent.parent / ".pressrun" / "tests"


def copy_database(home: Path) -> None:
    """Put the database into a `PREFECT_HOME` that has none."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), home / "prefect.db")


def _template() -> Path:
    """The database of the installed Prefect; whoever comes first makes it."""
    template = TEMPLATES / f"prefect-{version('prefect')}.db"
    TEMPLATES.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{template}.lock"):
        if not template.exists():
            with tempfile.TemporaryDirectory() as home:
                _migrate(Path(home))
                shutil.move(Path(home) / "prefect.db", template)
    return template


def _migrate(home: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
        env={**os.environ, "PREFECT_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        # Everything into the one file that is copied.
        database.execute("PRAGMA journal_mode = DELETE")
