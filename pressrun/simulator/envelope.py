"""What all requests share: the key check, the headers of the reply, the journal entry.

Invariant: nothing under /v1/ is reachable without a key in OpenAI's format, and every reply says that it is simulated.
"""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pressrun.simulator.errors import ApiError
from pressrun.simulator.journal import Journal

__all__ = ["Envelope"]

UNANSWERED = 0
"""The journal's status for a request whose connection was closed without a reply; it still counts as a request."""
AUTHORIZATION = re.compile(r"Bearer sk-[A-Za-z0-9_-]+")


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        about: dict[str, str] = {}
        scope.setdefault("state", {})["about"] = about

        was_answered = False

        async def send_marked(message: Message) -> None:
            nonlocal was_answered
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
                headers["x-pressrun-simulator"] = "1"
                self._note(scope, message["status"], about)
                was_answered = True
            await send(message)

        if scope["path"].startswith("/v1/") and not _has_key(scope):
            refusal = ApiError(401, "Incorrect API key provided, or none.", code="invalid_api_key")
            await JSONResponse(refusal.body, refusal.status)(scope, receive, send_marked)
            return
        await self._app(scope, receive, send_marked)
        if not was_answered:
            self._note(scope, UNANSWERED, about)

    def _note(self, scope: Scope, status: int, about: dict[str, str]) -> None:
        if not scope["path"].startswith("/simulator/"):
            self._journal.note(scope["method"], scope["path"], status, about)


def _has_key(scope: Scope) -> bool:
    return AUTHORIZATION.fullmatch(Headers(scope=scope).get("authorization", "")) is not None
