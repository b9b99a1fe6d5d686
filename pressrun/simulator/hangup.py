"""Closing a connection during a request, for which ASGI has no event.

Invariant: after `hang_up` the client receives nothing more, and only what was sent before.
"""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Reachable", "hang_up"]

TRANSPORT = "pressrun.transport"


class Reachable:
    """ASGI middleware directly below the server that gives inner middleware access to the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Uvicorn's `send` is a method of the exchange, which has the transport; other servers give None.
        transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
        scope.setdefault("extensions", {})[TRANSPORT] = transport
        await self._app(scope, receive, send)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection after flushing what was sent. Raises `RuntimeError` without `Reachable`."""
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
    if transport is None:
        raise RuntimeError("This server's connections cannot be closed by a fault script; use `serve`.")
    transport.close()
    # Uvicorn treats a missing response as a bug, unless the client disconnected first.
    while (await receive())["type"] != "http.disconnect":
        pass
