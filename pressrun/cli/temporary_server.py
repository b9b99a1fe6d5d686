"""Prefect's server as a process that ends together with the process that started it; see `prefect_server`.

It imports nothing else of Pressrun, because importing the server alone takes 2.6 s of CPU.
"""

import os
import signal
import sys
import threading

import uvicorn


def serve(port: int) -> None:
    """Serve on this port until standard input is closed, which happens when the parent process ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvicorn.run("prefect.server.api.server:create_app", factory=True, host="127.0.0.1", port=port, log_level="error")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
