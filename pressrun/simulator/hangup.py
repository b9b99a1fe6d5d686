"""Closing a connection under a request, which ASGI has no word for.

Invariant: after `hang_up` the client gets nothing more, and has got nothing that was not sent before.
"""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Reachable", "hang_up"]

TRANSPORT = "pressrun.transport"


class Reachable:
    """ASGI middleware right under the server: keeps the connection within reach of what is inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Uvicorn's `send` is a method of the exchange, which holds the transport; other servers leave None.
        transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
        scope.setdefault("extensions", {})[TRANSPORT] = transport
        await self._app(scope, receive, send)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection once what was sent is out. Raises `RuntimeError` under a server without `Reachable`."""
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
    if transport is None:
        raise RuntimeError("This server's connections cannot be closed by a fault script; use `serve`.")
    transport.close()
    # Uvicorn takes an answer that is missing for a bug, unless the client left first.
    while (await receive())["type"] != "http.disconnect":
        pass
