"""The real-time route: one request, one reply, at the standard price.

Invariant: the body that is sent is the call's body, byte for byte what a batch line would carry; so a call may move
between routes without becoming another call.
"""

from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
from openai import OpenAI

from pressrun.batchfile import read_json
from pressrun.calls import Answer, Call, Route
from pressrun.errors import CallFailed

__all__ = ["TemporaryFailure", "ask"]


class TemporaryFailure(Exception):
    """The provider did not answer now; asking again later may help. Never leaves the tasks."""


def ask(client: OpenAI, call: Call, *, run_id: str | None) -> Answer:
    """Send one call and wait for its reply.

    Raises `CallFailed` when asking again cannot help (400-class, no quota), `TemporaryFailure` when it may.
    """
    try:
        reply = client.post(call.endpoint.removeprefix("/v1"), body=call.body, cast_to=httpx2.Response)
    except openai.APIStatusError as error:
        raise _failure(error) from None
    except openai.APIConnectionError as error:
        raise TemporaryFailure(f"no answer from the provider ({type(error).__name__})") from None
    return Answer(
        call_id=call.id, route=Route.REALTIME, body=_body(reply), run_id=run_id, answered_at=datetime.now(UTC)
    )


def _body(reply: httpx2.Response) -> dict[str, Any]:
    body = read_json(reply.content)
    if body is None:
        raise TemporaryFailure("the provider's answer is not a JSON object")
    return body


def _failure(error: openai.APIStatusError) -> CallFailed | TemporaryFailure:
    code = str(error.code or error.status_code)
    temporary = error.status_code in (408, 409, 429) or error.status_code >= 500
    if temporary and code != "insufficient_quota":
        return TemporaryFailure(f"the provider is busy or failing ({code})")
    detail = error.body.get("message") if isinstance(error.body, dict) else None
    return CallFailed(f"the provider refused the request ({code}): {detail or error.message}", code=code)
