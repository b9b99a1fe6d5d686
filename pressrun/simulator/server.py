"""Running the application as a server, permanently or for the duration of a block.

Invariant: `running_simulator` yields only when the server answers, and stops it before leaving the block.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import uvicorn

from pressrun.simulator.app import create_app
from pressrun.simulator.faults import FaultScript
from pressrun.simulator.hangup import Reachable

__all__ = ["running_simulator", "serve"]

GRACE = 2
"""Seconds that current requests have to finish when the server stops."""
NAME = [("server", "pressrun-simulator")]
"""A header that proxies replace with their own, so a client knows that nothing is in between."""
LOOK_AGAIN = 0.005
"""Seconds between checks whether the server has started."""


def serve(
    state_dir: Path,
    host: str,
    port: int,
    batch_seconds: float,
    realtime_seconds: float,
    window_seconds: float = 86_400.0,
    faults: FaultScript | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; durations as for `create_app`."""
    app = create_app(
        state_dir,
        batch_seconds=batch_seconds,
        realtime_seconds=realtime_seconds,
        window_seconds=window_seconds,
        faults=faults,
    )
    uvicorn.run(
        Reachable(app),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        lifespan="on",
        headers=NAME,
    )


@contextmanager
def running_simulator(
    state_dir: Path,
    *,
    batch_seconds: float = 5.0,
    realtime_seconds: float = 0.0,
    window_seconds: float = 86_400.0,
    port: int = 0,
    faults: FaultScript | None = None,
) -> Iterator[str]:
    """Serve on 127.0.0.1 from a thread; yields the base URL for a client, `http://127.0.0.1:PORT/v1`.

    `port` 0 means any free port. Raises `OSError` when the port is in use or the folder cannot be created,
    `RuntimeError` when the server cannot start for another reason.
    """
    app = create_app(
        state_dir,
        batch_seconds=batch_seconds,
        realtime_seconds=realtime_seconds,
        window_seconds=window_seconds,
        faults=faults,
    )
    config = uvicorn.Config(
        Reachable(app),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        lifespan="on",
        headers=NAME,
        log_config=None,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("The simulator could not start. See its log for the reason.")
        sleep(LOOK_AGAIN)
