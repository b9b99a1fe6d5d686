"""A provider whose replies go wrong where a test says so: a proxy in front of a simulator, over HTTP on both sides."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.patience import HANG
from tests.routes.raw_server import Asked, Reply, serving

__all__ = ["Body", "Meddler", "meddling", "refused"]

Body = dict[str, Any]


@dataclass
class Meddler:
    """The proxy: what was asked of it, and what it does to replies."""

    meddle: Callable[[Body, Body], Body | Reply] | None = None
    """Called with a request's body and the reply's; what it returns is sent instead. None: a healthy provider."""
    base_url: str = ""
    asked: list[Body] = field(default_factory=list)
    """Bodies of all paid requests, in the order in which they came."""


def refused(status: int, code: str) -> Reply:
    """An error reply in the provider's form."""
    return Reply({"error": {"message": f"No: {code}.", "type": "error", "param": None, "code": code}}, status)


@contextmanager
def meddling(upstream: str) -> Iterator[Meddler]:
    """Serve a proxy to `upstream` (a base URL) until the block is left. It takes JSON, no uploads."""
    meddler = Meddler()
    headers = {"Authorization": "Bearer sk-test", "Content-Type": "application/json"}

    def answer(asked: Asked) -> Reply:
        url = upstream + asked.path.removeprefix("/v1")
        reply = client.request(asked.method, url, content=asked.body, headers=headers)
        if asked.method != "POST" or asked.body == b"{}":  # Not to be had, or a probe.
            return Reply(reply.content, reply.status_code)
        body = json.loads(asked.body)
        meddler.asked.append(body)
        changed = meddler.meddle(body, reply.json()) if meddler.meddle else reply.json()
        return changed if isinstance(changed, Reply) else Reply(changed, reply.status_code)

    with httpx2.Client(timeout=HANG, verify=False) as client, serving(answer) as server:
        meddler.base_url = server.base_url
        yield meddler
