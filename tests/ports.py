"""Ports for the servers of tests."""

import socket

__all__ = ["new_port"]

_given: set[int] = set()


def new_port() -> int:
    """A free port that no server of this session has had: what was paid for is kept by the provider's address."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
