"""A lock for each piece of work, held by one process of this machine at a time.

Invariant: a lock is never left behind: the operating system releases it with the process, even a killed one. (A slot of
a Prefect concurrency limit would stay occupied for a minute, or forever if its server has ended, and a restarted run
would wait for a dead one.) Between machines, `routes.batch.submit` gives precedence to the older upload.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock
from prefect.settings import PREFECT_HOME

__all__ = ["work_lock"]


def work_lock(key: str) -> AbstractContextManager[object]:
    """The lock for work whose key is `key` (hex). The empty files stay; 256 of them serve all work."""
    folder = Path(PREFECT_HOME.value()) / "pressrun-locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{key[:2]}.lock")
