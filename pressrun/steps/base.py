"""What all steps share: how a call is built and how a reply is parsed.

Invariant: a reply becomes content only if it passes its schema and its step's checks; everything else is a list of
faults that both the model (in a repair) and the editor (in the report) can act on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self, TypeVar

import openai
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pressrun.brief import SiteBrief
from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.frozen import Frozen
from pressrun.models import legal_effort, model_info
from pressrun.steps import prompts
from pressrun.steps.replies import InvalidReply, chat_text, json_content

__all__ = [
    "Asking",
    "InvalidReply",
    "Order",
    "Output",
    "Parsed",
    "Reading",
    "Step",
    "Wanted",
    "chat_call",
    "parse_chat",
    "read_answer",
    "reading",
    "response_format",
]

GENEROUS = 32_000
"""Output limit of any text call when the limits by step are turned off."""

Content = TypeVar("Content", bound=BaseModel)


class Output(BaseModel):
    """Base of what models write: immutable once parsed; field descriptions are read by the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Asking(Frozen):
    """Ways to request the same content with fewer tokens; each can be turned off to measure its effect."""

    pack: bool = True
    """Small items that share a context go into one request."""
    share_prefix: bool = True
    """Text that all calls of a site share comes first, so that the provider's prompt cache can serve it."""
    fit_effort: bool = True
    """Each step has its own reasoning effort and output limit; off: the model's default effort and a generous limit."""


class Order(Frozen):
    """The input of a step: the brief, the models and, after step 08, the configuration."""

    brief: SiteBrief
    text_model: str
    image_model: str
    image_quality: str
    known_as: dict[str, str] = Field(default_factory=dict)
    """The models that the names stand for, where a provider has names of its own (deployments)."""
    batch_models: dict[Endpoint, str] = Field(default_factory=dict)
    """The models' names in batches, for endpoints whose model has another one there."""
    asking: Asking = Asking()
    config: Any = None
    """The `SiteConfig`; None only for step 08 itself."""
    wishes: tuple[str, ...] = ()
    """The reviewer's notes on earlier versions of the configuration, oldest first."""
    refined_prompts: dict[str, str] = Field(default_factory=dict)
    """Improved prompts by image item, from the image descriptions or the visual feedback."""
    images: dict[str, bytes] = Field(default_factory=dict, repr=False)
    """The finished images to review, by item; empty for every other step."""

    @cached_property
    def opening(self) -> list[dict[str, str]]:
        """The messages at the beginning of every text call of the site."""
        messages = [{"role": "system", "content": prompts.system(self.brief)}]
        if self.config is not None:
            messages.append({"role": "user", "content": prompts.site(self.config)})
        return messages

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy builds its own opening, because it may be for another site."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("opening", None)
        return copy

    def model(self, endpoint: Endpoint) -> str:
        """The model for an endpoint."""
        return self.image_model if endpoint is Endpoint.IMAGES else self.text_model

    def known(self, name: str) -> str:
        """The model that a name stands for, by which its abilities are known."""
        return self.known_as.get(name, name)


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Content that passed, with warnings for the editor."""

    content: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The result of one reply: content for some of its items, faults for the others."""

    parsed: dict[str, Parsed]
    faults: dict[str, list[str]]


def reading(call: Call, parsed: Parsed) -> Reading:
    """The reading of a valid reply for one item."""
    return Reading(parsed={call.item: parsed}, faults={})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The output that a step requests, and its limits."""

    model: type[BaseModel]
    max_tokens: int
    """Output tokens, reasoning included."""
    effort: str
    """Reasoning effort; sent only to a model that accepts one."""
    repeats: bool = False
    """Whether several calls of a site have the same beginning, so that a prompt cache key is useful."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the pipeline: how it turns an order into calls, and answers into content."""

    name: StepName
    title: str
    """As shown to people: `09 articles`."""
    endpoint: Endpoint
    calls: Callable[[Order], list[Call]]
    parse: Callable[[Order, Call, Answer], Reading]
    """Raises `InvalidReply` when none of the reply can be used."""
    output_tokens: Callable[[Order], int]
    """Expected output tokens of one item, reasoning included, for the forecast."""
    check_together: Callable[[dict[str, Any]], dict[str, list[str]]] = lambda _contents: {}
    """Faults by item that show only when all of the step's contents are compared."""


def chat_call(
    order: Order,
    step: StepName,
    item: str,
    task: str | list[dict[str, Any]],
    wanted: Wanted,
    *,
    items: tuple[str, ...] = (),
) -> Call:
    """A Chat Completions call with strict structured output; `items` are those of a packed one.

    `task` is text, or content parts if there is an image to review.
    """
    task_message = {"role": "user", "content": task}
    asking = order.asking
    body: dict[str, Any] = {
        "model": order.text_model,
        "messages": [*order.opening, task_message] if asking.share_prefix else [task_message, *order.opening],
        "response_format": response_format(wanted.model),
        "max_completion_tokens": wanted.max_tokens if asking.fit_effort else GENEROUS,
    }
    legal = legal_effort(order.known(order.text_model), wanted.effort) if asking.fit_effort else None
    if legal is not None:
        body["reasoning_effort"] = legal
    # Not for an unknown model: a compatible server may refuse the parameter.
    if wanted.repeats and asking.share_prefix and model_info(order.known(order.text_model)):
        body["prompt_cache_key"] = f"{order.brief.slug[:40]}-{step}"
    return Call(
        site=order.brief.slug,
        step=step,
        item=item,
        items=items,
        endpoint=Endpoint.CHAT,
        body=body,
        batch_model=order.batch_models.get(Endpoint.CHAT),
    )


@lru_cache(maxsize=64)
def response_format(model: type[BaseModel]) -> dict[str, Any]:
    """Built once per model; the bodies that share it are never changed, only copied."""
    schema = {"name": schema_name(model), "strict": True, "schema": strict_schema(model)}
    return {"type": "json_schema", "json_schema": schema}


def schema_name(model: type[BaseModel]) -> str:
    """`SiteConfig` -> `site_config`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", model.__name__).lower()


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `model` for strict structured output (openai-python's own helper)."""
    tool = openai.pydantic_function_tool(model)
    schema = tool["function"]["parameters"]
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def read_answer(step: Step, order: Order, call: Call, answer: Answer) -> Reading:
    """Parse an answer's reply. Raises `InvalidReply`, whatever the reply is."""
    try:
        return step.parse(order, call, answer)
    except InvalidReply:
        raise
    except Exception as error:  # Whatever a reader stumbles over is a fault of this reply, not of the run.
        raise InvalidReply([f"the reply cannot be read ({type(error).__name__})"]) from error


def parse_chat(answer: Answer, model: type[Content]) -> Content:
    """Read a Chat Completions reply as `model`. Raises `InvalidReply` for refusals, truncation and off-schema text."""
    reply = chat_text(answer.body or {})
    if reply.is_cut_off:
        raise InvalidReply(["the reply was cut off at the token limit"])
    try:
        return model.model_validate(json_content(reply.text))
    except ValidationError as error:
        raise InvalidReply(say_faults(error)) from None


def say_faults(error: ValidationError) -> list[str]:
    """A validation error's faults, one sentence each."""
    return [_say_fault(fault) for fault in error.errors()[:10]]


def _say_fault(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "the reply"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
