"""The words the rest speaks in: `Call` (one request), `Answer` (its reply), `Usage` (what was used).

Invariant: a call's `key` depends on nothing but what is asked of which endpoint, so the same request always has
the same key, in every process and on every machine. Everything that guards against paying twice rests on it.
"""

import hashlib
import json
import re
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator
from slugify import slugify

from pressrun.wire import count, mapping

__all__ = ["Answer", "Call", "Endpoint", "Route", "StepName", "Usage", "canonical_json", "request_key"]

CUSTOM_ID_LIMIT = 64
"""Longest custom_id in ASCII characters; OpenAI publishes no limit, 64 is the smallest one seen in the field."""


SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Frozen(BaseModel):
    """Base of our value objects: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Route(StrEnum):
    """How a call gets answered, which is also the price it is billed at."""

    REALTIME = "realtime"
    FLEX = "flex"
    """In real time at the flex tier: cheaper, slower, and without capacity at times."""
    BATCH = "batch"


class StepName(StrEnum):
    """The steps of the pipeline that cost model tokens, in the order of the agency's numbering."""

    CONFIG = "config"
    ARTICLES = "articles"
    IMAGES = "images"
    DESCRIPTIONS = "descriptions"
    SEO = "seo"
    REVIEW = "review"


class Endpoint(StrEnum):
    """The provider's endpoints, spelled as a batch line's `url` spells them."""

    CHAT = "/v1/chat/completions"
    IMAGES = "/v1/images/generations"


class Usage(Frozen):
    """Tokens that the provider says it used for one reply.

    `input` and `output` are totals; the others are parts of them, as OpenAI counts: `cached` and `cache_written` and
    `input_image` are within `input`; `reasoning` and `output_image` are within `output`.
    """

    input: NonNegativeInt = 0
    cached: NonNegativeInt = 0
    cache_written: NonNegativeInt = 0
    input_image: NonNegativeInt = 0
    output: NonNegativeInt = 0
    reasoning: NonNegativeInt = 0
    output_image: NonNegativeInt = 0

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Self:
        """Read `usage` from a Chat Completions or Images reply; a reply without it used nothing that we can know.

        Chat says `prompt_tokens`/`completion_tokens`, Images says `input_tokens`/`output_tokens`.
        """
        usage = mapping(body.get("usage"))
        into = mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
        out = mapping(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
        output = count(usage.get("completion_tokens", usage.get("output_tokens"))) or 0
        is_image = "output_tokens" in usage
        return cls(
            input=count(usage.get("prompt_tokens", usage.get("input_tokens"))) or 0,
            cached=count(into.get("cached_tokens")) or 0,
            cache_written=count(into.get("cache_write_tokens")) or 0,
            input_image=count(into.get("image_tokens")) or 0,
            output=output,
            reasoning=count(out.get("reasoning_tokens")) or 0,
            output_image=count(out.get("image_tokens", output if is_image else 0)) or 0,
        )


class Call(Frozen):
    """One request to the provider: what is asked (`endpoint`, `body`) and what it is for (`site`, `step`, `item`)."""

    site: str
    """Slug of the site."""
    step: StepName
    item: str
    """What of the step is asked for: `article-03`, `image-11`, a page's slug; unique within the step."""
    items: tuple[str, ...] = ()
    """The items that are asked for in this one request; empty when it is `item` alone."""
    endpoint: Endpoint
    body: dict[str, Any]
    """The JSON body, exactly as it is sent."""
    repairs: str | None = None
    """Id of the call whose invalid reply this one asks to put right."""

    @cached_property
    def key(self) -> str:
        """SHA-256 (hex) of what is asked; see the module's invariant."""
        return request_key(self.endpoint, self.body)

    @cached_property
    def id(self) -> str:
        """The custom_id: readable, ASCII, at most 64 characters, unique through the key's first eight digits."""
        name = f"{self.site[:20]}-{self.step}-{self.item}"
        # Nearly every name is a slug already; making one takes longer than all else that is done to a call.
        readable = (name if SLUG.fullmatch(name) else slugify(name))[: CUSTOM_ID_LIMIT - 9].rstrip("-")
        return f"{readable}-{self.key[:8]}"

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def covers(self) -> tuple[str, ...]:
        """The items whose content is asked for: those of a packed request, or the one."""
        return self.items or (self.item,)


class Answer(Frozen):
    """What came back for one call: a reply (`body`) or the reason there is none (`error`)."""

    call_id: str
    route: Route
    """The route that truly served it, which is the one it is billed at."""
    body: dict[str, Any] | None = None
    """The reply's JSON body; None when the call failed, or the body is kept elsewhere."""
    kept: str | None = None
    """Key under which the body is kept in the result storage: an image's is too large to be carried along."""
    usage: Usage = Usage()
    """What the provider says the reply used; zero for a call that failed."""
    error: str | None = None
    """Why there is no reply, in words for a person; None when there is one."""
    code: str | None = None
    """The provider's error code or HTTP status, when the call failed."""
    retryable: bool = False
    """Whether asking the same again may help (429, 5xx, expired, cancelled, missing)."""
    asked_at: datetime | None = None
    """When the request was sent or the batch created."""
    answered_at: datetime | None = None
    run_id: str | None = None
    """The flow run that paid for it; a later run that reuses the answer sees another run's id here."""
    batch_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_usage(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("body") and "usage" not in data:
            return {**data, "usage": Usage.from_body(data["body"])}
        return data

    @model_validator(mode="after")
    def _has_reply_or_error(self) -> Self:
        if sum(part is not None for part in (self.body, self.kept, self.error)) != 1:
            raise ValueError("an answer has either a body, here or kept elsewhere, or an error")
        return self


class MissingItem(Frozen):
    """Something ordered that could not be made, for the manifest and the run's last words."""

    step: StepName
    item: str
    reason: str = Field(description="Why it is missing, in words for a person.")


def request_key(endpoint: Endpoint, body: dict[str, Any]) -> str:
    """SHA-256 (hex) of what is asked of which endpoint."""
    text = orjson.dumps({"url": endpoint, "body": body}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spare white space: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
