"""Ports for the servers of tests."""

import os
import socket
from itertools import count

__all__ = ["new_port"]

FIRST, OF_A_WORKER = 10_000, 2_500
"""Each worker of the tests has ports of its own, below those that the system gives to clients."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = count(FIRST + _worker % 8 * OF_A_WORKER)


def new_port() -> int:
    """A free port that no server of this session has had: what was paid for is kept by the provider's address."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
