"""One call in real time to a raw server that gives the replies of a test."""

from dataclasses import replace
from typing import Any

from pressrun.calls import Answer, Call
from pressrun.errors import CallFailed
from pressrun.prices import Tier
from pressrun.routes.realtime import TemporaryFailure, ask
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import connect
from tests.routes.raw_server import RawServer, Reply, serving

__all__ = ["HELLO", "a_refusal", "a_story", "ask_for", "with_header"]

HELLO = Reply(a_chat_reply("Hello"))


def a_refusal(status: int, **error: Any) -> Reply:
    return Reply({"error": {"message": "No.", "type": "t", "param": None, "code": None, **error}}, status=status)


def ask_for(reply: Reply | None, call: Call | None = None) -> Answer:
    """What `ask` makes of this reply."""
    with serving(lambda _asked: reply) as server, connect(server.base_url) as client:
        return ask(client, call or a_call(), run_id="run-1")


def with_header(reply: Reply, line: str) -> Reply:
    """The reply with one more header, `Name: value`."""
    return replace(reply, content_type=f"{reply.content_type}\r\n{line}")


def a_story(
    *replies: Reply | None, retries: int = 4, tier: Any = Tier.STANDARD
) -> tuple[Answer | Exception, RawServer]:
    """How one call ends when the provider gives these replies in turn, and what it was asked."""
    left = list(replies)
    with serving(lambda _asked: left.pop(0)) as server, connect(server.base_url, retries=retries) as client:
        try:
            return ask(client, a_call(), run_id="run-1", tier=tier), server
        except (CallFailed, TemporaryFailure) as failure:
            return failure, server
