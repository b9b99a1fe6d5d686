"""Faults in HTTP exchanges, as ASGI middleware around the application.

Invariant: only the fault decides whether a request is processed: a lost response never undoes it.
"""

import asyncio
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pressrun.simulator.errors import ApiError
from pressrun.simulator.faults import Faults, RequestFault
from pressrun.simulator.hangup import hang_up
from pressrun.simulator.journal import request_name

__all__ = ["Interference"]


class Interference:
    """Applies faults to the requests that the script matches."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http":
            fault = self._faults.of_request(request_name(scope["method"], scope["path"]))
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.do == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.do == "cut":
            await self._app(scope, receive, _Cut(send))
            await hang_up(scope, receive)
        else:
            if fault.do not in ("status", "drop_before"):
                await self._app(scope, receive, _unheard)
            else:
                await _drain(receive)
            await _answer(fault, scope, receive, send)


async def _answer(fault: RequestFault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.do in ("drop_before", "drop_after"):
        await hang_up(scope, receive)
        return
    reply: Response
    if fault.do == "garbage":
        reply = HTMLResponse("<!doctype html><title>One moment</title><p>Checking your browser ...")
    else:
        headers_for = {"retry-after": f"{fault.retry_after:g}"} if fault.retry_after is not None else {}
        error = ApiError(fault.status, "This is a fault of the script.", code=fault.code)
        reply = JSONResponse(error.body, fault.status, headers=headers_for)
    await reply(scope, receive, send)


async def _unheard(_message: Message) -> None:
    """Discards a response."""


async def _drain(receive: Receive) -> None:
    """Read what the client still sends; otherwise it would see a broken pipe instead of the response."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


class _Cut:
    """Passes a response on up to the middle of the first part of its body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_over = False

    async def __call__(self, message: Message) -> None:
        if self._is_over:
            return
        if message["type"] == "http.response.body":
            self._is_over = True
            body: Any = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2], "more_body": True}
        elif message["type"] == "http.response.pathsend":
            self._is_over = True
            return
        await self._send(message)
