"""How patient tests are: a time limit ends a hang, and never judges how fast a machine is."""

from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import TypeVar

import httpx2

__all__ = ["HANG", "delete", "get", "post", "request", "until"]

HANG = 900
"""Seconds after which nobody waits any longer; a slow machine takes a fraction of it."""

Seen = TypeVar("Seen")

# Nothing is encrypted on the way, and reading the certificates takes 50 ms of CPU.
request = partial(httpx2.request, timeout=HANG, verify=False)
get, post, delete = (partial(request, method) for method in ("GET", "POST", "DELETE"))


def until(look: Callable[[], Seen], is_reached: Callable[[Seen], object] = bool, pause: float = 0.01) -> Seen:
    """Look, with pauses between, until what is seen is what is waited for; returns that."""
    deadline = monotonic() + HANG
    while not is_reached(seen := look()):
        assert monotonic() < deadline, f"still {seen}"
        sleep(pause)
    return seen
