"""How an invalid reply is sent back, once.

Invariant: only faulty items are requested again: the valid items of a packed request are kept and not paid for twice.
"""

from typing import Any

from pressrun.calls import Answer, Call, Endpoint
from pressrun.steps import prompts
from pressrun.steps.packing import narrowed, pack_name
from pressrun.steps.replies import InvalidReply, Text, chat_text

__all__ = ["repair_call"]


def repair_call(call: Call, answer: Answer, faults: dict[str, list[str]]) -> Call:
    """The call that asks to correct the faulty items of a reply, with each item's faults."""
    if call.endpoint is Endpoint.IMAGES:
        [reasons] = faults.values()
        body = {**call.body, "prompt": f"{call.body['prompt']}\n\nAn earlier attempt failed: {'; '.join(reasons)}."}
    else:
        body = _repair_chat(call, answer, faults)
    items = tuple(item for item in call.items if item in faults)
    # Not model_copy, which would copy the cached key and id of the first call.
    return Call(
        site=call.site,
        step=call.step,
        item=pack_name(items) if items else call.item,
        items=items,
        endpoint=call.endpoint,
        body=body,
        batch_model=call.batch_model,
        repairs=call.id,
    )


def _repair_chat(call: Call, answer: Answer, faults: dict[str, list[str]]) -> dict[str, Any]:
    reply = _readable(answer)
    cut_off = reply is not None and reply.is_cut_off
    messages = list(call.body["messages"])
    if reply and not cut_off:
        messages.append({"role": "assistant", "content": reply.text})
    if call.items:
        said = prompts.repair_items(faults)
    else:
        [reasons] = faults.values()
        said = prompts.repair(reasons)
    messages.append({"role": "user", "content": said})
    # A truncated reply needs a higher limit.
    limit = call.body["max_completion_tokens"] * (2 if cut_off else 1)
    body = {**call.body, "messages": messages, "max_completion_tokens": limit}
    return {**body, "response_format": narrowed(body["response_format"], faults)} if call.items else body


def _readable(answer: Answer) -> Text | None:
    """The text to correct; None when the reply has none, so that it is written from the start."""
    try:
        return chat_text(answer.body or {})
    except InvalidReply:
        return None
