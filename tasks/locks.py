"""A lock for each piece of work, held by one process of this machine at a time.

Invariant: a lock is never left behind: the operating system frees it with the process, even one that was killed. (A
slot of a Prefect concurrency limit would stay taken for a minute, or for ever where its server has ended, and a run
that is started again would wait for a dead one.) Between machines, `routes.batch.submit` lets the older upload go
first.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock
from prefect.settings import PREFECT_HOME

__all__ = ["work_lock"]


def work_lock(key: str) -> AbstractContextManager[object]:
    """The lock for work whose key is `key` (hex). The files stay, empty; 256 of them serve all work."""
    folder = Path(PREFECT_HOME.value()) / "pressrun-locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{key[:2]}.lock")
