"""Replies of POST /v1/chat/completions.

Invariant: the same body always gets the same content; only `created`, the tier and the prompt cache's effect differ.
Every choice stays within `max_completion_tokens`, which includes reasoning tokens.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pressrun.simulator.chat_parameters import check_chat, effort_of, tier_of
from pressrun.simulator.models import Model
from pressrun.simulator.prompt_cache import PromptCache
from pressrun.simulator.tokens import count_tokens, first_tokens, stand_in
from pressrun.simulator.writer import write_reply

__all__ = ["complete_chat"]

REASONING_SHARE = {"none": 0.0, "minimal": 0.1, "low": 0.25, "medium": 0.5, "high": 1.0, "xhigh": 2.0, "max": 4.0}
"""Reasoning tokens per token of text; a plausible ratio, not a measured one."""
REASONING_BASE = 256
"""Tokens of text that are added before the share is taken, as short answers need thought, too."""
REASONING_STEP = 64
"""Reasoning tokens are reported in multiples of 64."""
MESSAGE_OVERHEAD = 3
"""Tokens around each message and before the reply."""


def complete_chat(body: Mapping[str, Any], cache: PromptCache, *, in_batch: bool) -> dict[str, Any]:
    """The reply to one request; a line of a batch is always served with the default tier.

    Raises `ApiError` when the body is not one that OpenAI takes.
    """
    now = datetime.now(UTC)
    model = check_chat(body, now.date())
    prompt = _prompt_text(body, model)
    cached, written = cache.visit(model.id, prompt)
    content = write_reply(dict(body))
    choices, text_tokens, reasoning_tokens = _choices(body, model, content)
    prompt_tokens = count_tokens(prompt) + MESSAGE_OVERHEAD * (len(body["messages"]) + 1)
    prompt_details = {"cached_tokens": cached, "audio_tokens": 0}
    if model.bills_cache_writes:
        prompt_details["cache_write_tokens"] = written
    return {
        "id": f"chatcmpl-{_fingerprint(body)}",
        "object": "chat.completion",
        "created": int(now.timestamp()),
        "model": model.id,
        "choices": choices,
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": text_tokens + reasoning_tokens,
            "total_tokens": prompt_tokens + text_tokens + reasoning_tokens,
            "prompt_tokens_details": prompt_details,
            "completion_tokens_details": {
                "reasoning_tokens": reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default" if in_batch else tier_of(body),
        "system_fingerprint": None,
    }


def _choices(body: Mapping[str, Any], model: Model, content: str) -> tuple[list[dict[str, Any]], int, int]:
    """The choices, with their total text and reasoning tokens."""
    count = body.get("n") or 1
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or model.max_output_tokens
    reasoning = min(limit, _reasoning_tokens(count_tokens(content), effort_of(body, model)))
    kept = first_tokens(content, limit - reasoning)
    finish_reason = "stop" if kept == content else "length"
    choices: list[dict[str, Any]] = [
        {
            "index": index,
            "message": {"role": "assistant", "content": kept, "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        for index in range(count)
    ]
    return choices, count * count_tokens(kept), count * reasoning


def _reasoning_tokens(text_tokens: int, effort: str | None) -> int:
    share = REASONING_SHARE[effort or "none"]
    steps = -(-int((text_tokens + REASONING_BASE) * share) // REASONING_STEP)
    return steps * REASONING_STEP


def _prompt_text(body: Mapping[str, Any], model: Model) -> str:
    """Everything the model reads: the schema of the reply, then the messages; an image counts as its tokens."""
    schema = (body.get("response_format") or {}).get("json_schema")
    parts = [json.dumps(schema, ensure_ascii=False)] if schema else []
    parts += [f"{message['role']}\n{_content_text(message['content'], model)}\n" for message in body["messages"]]
    return "".join(parts)


def _content_text(content: str | list[dict[str, Any]], model: Model) -> str:
    return content if isinstance(content, str) else "".join(_part_text(part, model) for part in content)


def _part_text(part: dict[str, Any], model: Model) -> str:
    return part["text"] if part["type"] == "text" else stand_in(part["image_url"]["url"], model.image_tokens)


def _fingerprint(body: Mapping[str, Any]) -> str:
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:29]
