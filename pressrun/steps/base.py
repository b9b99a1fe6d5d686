"""What every step has in common: how a call is put together, how a reply is read, how a bad one is sent back.

Invariant: a reply becomes content only by passing its schema and its step's checks; everything else is a list of
faults in words that both the model (in a repair) and the editor (in the report) can act on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self, TypeVar

import openai
from pydantic import BaseModel, ConfigDict, ValidationError

from pressrun.brief import SiteBrief
from pressrun.calls import Answer, Call, Endpoint, Frozen, StepName
from pressrun.models import legal_effort
from pressrun.steps import prompts

__all__ = ["InvalidReply", "Order", "Output", "Parsed", "Step", "chat_call", "parse_chat", "repair_call"]

Content = TypeVar("Content", bound=BaseModel)


class Output(BaseModel):
    """Base of what models write: immutable once parsed; field descriptions are read by the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Order(Frozen):
    """What a step works from: the brief, the models to ask and, after step 08, the configuration."""

    brief: SiteBrief
    text_model: str
    image_model: str
    image_quality: str
    config: Any = None
    """The `SiteConfig`; None only for step 08 itself."""

    @cached_property
    def opening(self) -> list[dict[str, str]]:
        """The messages that every text call of the site begins with."""
        messages = [{"role": "system", "content": prompts.system(self.brief)}]
        if self.config is not None:
            messages.append({"role": "user", "content": prompts.site(self.config)})
        return messages

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy makes its own opening: it may be for another site."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("opening", None)
        return copy

    def model(self, endpoint: Endpoint) -> str:
        """The model that is asked on an endpoint."""
        return self.image_model if endpoint is Endpoint.IMAGES else self.text_model


class InvalidReply(Exception):
    """A reply that is not fit to use; `faults` says why, one sentence each. Never leaves the library.

    `refused`: the model declined, so sending the same back at once would be paying for the same answer.
    """

    def __init__(self, faults: Sequence[str], *, refused: bool = False) -> None:
        self.faults = list(faults)
        self.refused = refused
        super().__init__("; ".join(self.faults))


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Content that passed, with what an editor should still look at."""

    content: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the pipeline: how it turns what is known into calls, and answers into content."""

    name: StepName
    title: str
    """For people: `09 articles`."""
    endpoint: Endpoint
    calls: Callable[[Order], list[Call]]
    parse: Callable[[Order, Call, Answer], Parsed]
    """Raises `InvalidReply`."""
    output_tokens: Callable[[Order], int]
    """Output tokens that one call is expected to use, reasoning included, for the forecast."""
    check_together: Callable[[dict[str, Any]], dict[str, list[str]]] = lambda _contents: {}
    """Faults by item that show only when all of the step's contents are side by side."""


def chat_call(
    order: Order,
    step: StepName,
    item: str,
    *,
    task: str,
    model: type[BaseModel],
    max_tokens: int,
    effort: str,
) -> Call:
    """A Chat Completions call with strict structured output.

    What is the same for every call of the site comes first, so that the provider's prompt cache can serve it.
    `max_tokens` includes reasoning; `effort` is sent only when the model takes it.
    """
    body: dict[str, Any] = {
        "model": order.text_model,
        "messages": [*order.opening, {"role": "user", "content": task}],
        "response_format": _response_format(model),
        "max_completion_tokens": max_tokens,
    }
    legal = legal_effort(order.text_model, effort)
    if legal is not None:
        body["reasoning_effort"] = legal
    return Call(site=order.brief.slug, step=step, item=item, endpoint=Endpoint.CHAT, body=body)


@lru_cache(maxsize=64)
def _response_format(model: type[BaseModel]) -> dict[str, Any]:
    """Made once for a model; the bodies that share it are never changed, only copied."""
    schema = {"name": schema_name(model), "strict": True, "schema": strict_schema(model)}
    return {"type": "json_schema", "json_schema": schema}


def schema_name(model: type[BaseModel]) -> str:
    """`SiteConfig` -> `site_config`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", model.__name__).lower()


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `model` under the rules of strict structured output (openai-python's own helper)."""
    tool = openai.pydantic_function_tool(model)
    schema = tool["function"]["parameters"]
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def parse_chat(answer: Answer, model: type[Content]) -> Content:
    """Read a Chat Completions reply as `model`. Raises `InvalidReply` for refusals, truncation and off-schema text."""
    choice = _first_choice(answer.body or {})
    message = choice.get("message") or {}
    if message.get("refusal"):
        raise InvalidReply([f"the model refused: {str(message['refusal'])[:300]}"], refused=True)
    if choice.get("finish_reason") == "length":
        raise InvalidReply(["the reply was cut off at the token limit"])
    if choice.get("finish_reason") == "content_filter":
        raise InvalidReply(["the provider's content filter cut the reply"])
    try:
        return model.model_validate_json(message.get("content") or "")
    except ValidationError as error:
        raise InvalidReply([_say_fault(fault) for fault in error.errors()[:10]]) from None


def _first_choice(body: dict[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise InvalidReply(["the reply has no choices"])
    return choices[0]


def _say_fault(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "the reply"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def repair_call(call: Call, answer: Answer, faults: list[str]) -> Call:
    """The one call that asks to put an invalid reply right, telling what was wrong with it."""
    if call.endpoint is Endpoint.IMAGES:
        body = {**call.body, "prompt": f"{call.body['prompt']}\n\nAn earlier attempt failed: {'; '.join(faults)}."}
    else:
        body = _repair_chat(call.body, answer, faults)
    # Not model_copy: it would carry the cached key and id of the first call along.
    return Call(site=call.site, step=call.step, item=call.item, endpoint=call.endpoint, body=body, repairs=call.id)


def _repair_chat(body: dict[str, Any], answer: Answer, faults: list[str]) -> dict[str, Any]:
    choice = _first_choice(answer.body or {}) if (answer.body or {}).get("choices") else {}
    cut_off = choice.get("finish_reason") == "length"
    reply = (choice.get("message") or {}).get("content")
    messages = list(body["messages"])
    if reply and not cut_off:
        messages.append({"role": "assistant", "content": reply})
    messages.append({"role": "user", "content": prompts.repair(faults)})
    # A reply that was cut off needs room, whatever else is said to it.
    limit = body["max_completion_tokens"] * (2 if cut_off else 1)
    return {**body, "messages": messages, "max_completion_tokens": limit}
