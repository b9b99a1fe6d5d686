"""Builders for calls and answers."""

from datetime import UTC, datetime
from typing import Any

from pressrun.calls import Answer, Call, Endpoint, Route, StepName

__all__ = ["a_call", "a_chat_reply", "an_answer"]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_call(item: str = "article-01", *, model: str = "gpt-6-luna", prompt: str = "Write.", **changes: Any) -> Call:
    fields: dict[str, Any] = {
        "site": "harbour-bakery",
        "step": StepName.ARTICLES,
        "item": item,
        "endpoint": Endpoint.CHAT,
        "body": {
            "model": model,
            "messages": [{"role": "user", "content": f"{prompt} {item}"}],
            "max_completion_tokens": 100,
        },
    }
    return Call.model_validate({**fields, **changes})


def a_chat_reply(content: str | None, *, finish_reason: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    """The body of a Chat Completions reply."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], "usage": usage}


def an_answer(call: Call, body: dict[str, Any] | None = None, **changes: Any) -> Answer:
    """An answer to `call`: a short reply, unless `body` or `error` says otherwise."""
    if body is None and "error" not in changes:
        body = a_chat_reply("Hello")
    return Answer(call_id=call.id, **{"route": Route.REALTIME, "answered_at": NOW, "body": body, **changes})
