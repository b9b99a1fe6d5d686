"""Two runs of the same work at the same moment."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.locks import work_lock
from tests.live.commands import finish, start
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.mark.parametrize("server", [3.0], indirect=True)
def test_two_commands_for_the_same_brief_make_one_batch(tmp_path: Path, server: Server) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    processes = [start(folder) for folder in folders]
    for process in processes:
        assert "is complete" in finish(process)
    assert server.posts()["batches"] == 1
    one, other = (articles(folder / "out" / "harbour-bakery") for folder in folders)
    assert one == other


def articles(bundle: Path) -> list[str]:
    """The articles without the lines that tell when they were made."""
    texts = [path.read_text() for path in sorted((bundle / "articles").iterdir())]
    return [re.sub(r"^(date|updated): .*$", "", text, flags=re.MULTILINE) for text in texts]


def test_the_lock_of_a_work_lets_one_in_at_a_time() -> None:
    inside, most, guard = 0, 0, threading.Lock()

    def work(_number: int) -> None:
        nonlocal inside, most
        with work_lock("a" * 64):
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.2)
            with guard:
                inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == 1
