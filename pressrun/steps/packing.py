"""Packing: small items that share a context are requested in one call, each under its own id.

Invariant: the items of a packed reply are independent: each is read, checked and, if invalid, requested again without
the others; the schema has a required field for each, so the provider ensures that none is missing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from pressrun.calls import Answer, Call, StepName
from pressrun.steps import prompts
from pressrun.steps.base import (
    InvalidReply,
    Order,
    Parsed,
    Reading,
    Wanted,
    chat_call,
    parse_chat,
    reading,
    say_faults,
)
from pressrun.steps.replies import chat_text, json_content

__all__ = ["item_calls", "narrowed", "pack_name", "read_items"]

Content = TypeVar("Content", bound=BaseModel)

MOST_ITEMS = 25
"""Per request: with more items, the reply becomes so long that a model gets careless towards its end."""
ROOM = 400
"""Output tokens for each item of a pack, in addition to a single request's limit: an item takes about 200."""


def item_calls(
    order: Order, step: StepName, plans: Mapping[str, dict[str, Any]], task: str, wanted: Wanted
) -> list[Call]:
    """The calls for small items: one for all (up to 25), or one for each if packing is off or there is only one.

    `plans` is each item's data by id. `task` has the placeholders {what} and {plans}.
    """
    if not order.asking.pack or len(plans) == 1:
        return [_single(order, step, item, plan, task, wanted) for item, plan in plans.items()]
    return [_pack(order, step, {item: plans[item] for item in part}, task, wanted) for part in _parts(list(plans))]


def _single(order: Order, step: StepName, item: str, plan: dict[str, Any], task: str, wanted: Wanted) -> Call:
    text = task.format(what="the item", plans=prompts.data("item", plan))
    return chat_call(order, step, item, text, wanted)


def _pack(order: Order, step: StepName, plans: Mapping[str, dict[str, Any]], task: str, wanted: Wanted) -> Call:
    items = tuple(plans)
    text = task.format(what=prompts.each_of(len(items)), plans=prompts.data("items", dict(plans)))
    packed = Wanted(
        model=_pack_model(wanted.model, items),
        max_tokens=wanted.max_tokens + ROOM * len(items),
        effort=wanted.effort,
    )
    return chat_call(order, step, pack_name(items), text, packed, items=items)


def _parts(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """As few parts as needed, of equal size as far as possible."""
    count = -(-len(items) // MOST_ITEMS)
    for number in range(count):
        yield items[number * len(items) // count : (number + 1) * len(items) // count]


def pack_name(items: Sequence[str]) -> str:
    """`image-01-and-12-more`, or the item itself if there is only one."""
    return items[0] if len(items) == 1 else f"{items[0]}-and-{len(items) - 1}-more"


@lru_cache(maxsize=64)
def _pack_model(model: type[BaseModel], items: tuple[str, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {f"item_{number}": (model, Field(alias=item)) for number, item in enumerate(items)}
    return create_model(f"{model.__name__}Pack", __config__=ConfigDict(extra="forbid"), **fields)


def narrowed(response_format: dict[str, Any], items: Collection[str]) -> dict[str, Any]:
    """A pack's response format for some of its items."""
    described = response_format["json_schema"]
    schema = described["schema"]
    kept = {item: part for item, part in schema["properties"].items() if item in items}
    narrow = {**schema, "properties": kept, "required": list(kept)}
    return {**response_format, "json_schema": {**described, "schema": narrow}}


def read_items(call: Call, answer: Answer, model: type[Content], check: Callable[[Content], Parsed]) -> Reading:
    """Read a reply for one item or a pack of items; `check` raises `InvalidReply` for an invalid item.

    If a packed reply was truncated, its complete items are kept. Raises `InvalidReply` when none of the reply can be
    used.
    """
    if not call.items:
        return reading(call, check(parse_chat(answer, model)))
    replies = _replies(answer)
    parsed: dict[str, Parsed] = {}
    faults: dict[str, list[str]] = {}
    for item in call.items:
        try:
            parsed[item] = check(_read_item(replies, item, model))
        except InvalidReply as invalid:
            faults[item] = invalid.faults
    return Reading(parsed=parsed, faults=faults)


def _replies(answer: Answer) -> dict[str, Any]:
    reply = chat_text(answer.body or {})
    replies = json_content(reply.text, is_cut_off=reply.is_cut_off)
    if not isinstance(replies, dict):
        raise InvalidReply(["the reply is not a JSON object"])
    return replies


def _read_item(replies: dict[str, Any], item: str, model: type[Content]) -> Content:
    if item not in replies:
        raise InvalidReply(["it is missing from the reply"])
    try:
        return model.model_validate(replies[item])
    except ValidationError as error:
        raise InvalidReply(say_faults(error)) from None
