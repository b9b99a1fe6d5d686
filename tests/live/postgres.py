"""A PostgreSQL cluster for one test: a folder and a port of its own, gone when the block ends."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import HANG
from tests.ports import new_port

__all__ = ["postgres", "why_no_postgres"]

OWNER = "postgres"
"""PostgreSQL does not run as root; Debian's package makes this user for it."""


def why_no_postgres() -> str | None:
    """The reason why no cluster can be made here, or None."""
    if _binaries() is None:
        return "PostgreSQL is not installed (on Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and OWNER not in {user.pw_name for user in pwd.getpwall()}:
        return f"PostgreSQL does not run as root, and there is no user {OWNER!r}"
    return None


@contextmanager
def postgres() -> Iterator[str]:
    """A running cluster with an empty database; gives the address that Prefect takes."""
    binaries, port, owner = _binaries(), new_port(), OWNER if os.geteuid() == 0 else None
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="pressrun-postgres-"))
    if owner:
        shutil.chown(folder, owner)
    user = ["--username", OWNER, "--auth", "trust", "--no-sync"]
    where = ["-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    try:
        initdb = [binaries / "initdb", "-D", folder / "data", *user]
        subprocess.run(initdb, cwd=folder, user=owner, check=True, stdout=subprocess.DEVNULL)
        # What a test writes need not outlive a power cut.
        command = [binaries / "postgres", *where, "-c", "fsync=off"]
        server = subprocess.Popen(command, cwd=folder, user=owner, stderr=subprocess.DEVNULL)
        try:
            _wait_until_ready(binaries, port)
            yield f"postgresql+asyncpg://{OWNER}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    """Where `initdb` and `postgres` are: Debian keeps them out of the path, a folder for each version."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _wait_until_ready(binaries: Path, port: int) -> None:
    deadline = time.monotonic() + HANG
    probe = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(probe, check=False).returncode:
        assert time.monotonic() < deadline, "PostgreSQL did not start"
        time.sleep(0.2)
