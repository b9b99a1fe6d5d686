"""The core types: `Call` (one request), `Answer` (its reply), `Usage` (what was used).

Invariant: a call's `key` depends only on the request and its endpoint, so the same request always has the same key, in
every process and on every machine. Every safeguard against paying twice relies on it.
"""

import hashlib
import json
import re
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

import orjson
from pydantic import AfterValidator, Field, model_validator
from slugify import slugify

from pressrun.frozen import Frozen
from pressrun.untrusted import safe
from pressrun.usage import Usage, read_usage

__all__ = [
    "KEY_DIGITS",
    "NOT_SENT",
    "Answer",
    "Call",
    "Endpoint",
    "Foreign",
    "Route",
    "StepName",
    "Usage",
    "canonical_json",
    "request_key",
]

CUSTOM_ID_LIMIT = 64
"""Longest custom_id in ASCII characters; OpenAI publishes no limit, and 64 is the smallest one seen in practice."""
KEY_DIGITS = 20
"""Hexadecimal digits of the key in an id: 80 bits, so that nobody can make a request that shares another's id."""

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


Foreign = Annotated[str, AfterValidator(safe)]
"""A field for text from outside, without control characters and secrets."""


class Route(StrEnum):
    """How a call is answered, which also determines its price."""

    REALTIME = "realtime"
    FLEX = "flex"
    """In real time at the flex tier: cheaper, slower, and sometimes without capacity."""
    BATCH = "batch"


class StepName(StrEnum):
    """The steps of the pipeline that cost model tokens, in pipeline order."""

    CONFIG = "config"
    ARTICLES = "articles"
    IMAGES = "images"
    DESCRIPTIONS = "descriptions"
    SEO = "seo"
    REVIEW = "review"


class Endpoint(StrEnum):
    """The provider's endpoints, spelled as in a batch line's `url`."""

    CHAT = "/v1/chat/completions"
    IMAGES = "/v1/images/generations"


class Call(Frozen):
    """One request to the provider: the request (`endpoint`, `body`) and its purpose (`site`, `step`, `item`)."""

    site: str
    """Slug of the site."""
    step: StepName
    item: str
    """The requested item of the step: `article-03`, `image-11`, a page's slug; unique within the step."""
    items: tuple[str, ...] = ()
    """The items requested in this one call; empty when it is only `item`."""
    endpoint: Endpoint
    body: dict[str, Any]
    """The JSON body, exactly as sent in real time."""
    batch_model: str | None = None
    """The model's name in batches, where it has another one there; not part of the key: an answer by either route is
    the answer to this call."""
    repairs: str | None = None
    """Id of the call whose invalid reply this one asks to correct."""

    @cached_property
    def key(self) -> str:
        """SHA-256 (hex) of the request; see the module's invariant."""
        return request_key(self.endpoint, self.body)

    @cached_property
    def id(self) -> str:
        """The custom_id: readable, ASCII, at most 64 characters, unique through the key's first digits."""
        name = f"{self.site[:20]}-{self.step}-{self.item}"
        # Nearly every name is already a slug; making one takes longer than everything else about a call.
        readable = (name if SLUG.fullmatch(name) else slugify(name))[: CUSTOM_ID_LIMIT - KEY_DIGITS - 1].rstrip("-")
        return f"{readable}-{self.key[:KEY_DIGITS]}"

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def batch_body(self) -> dict[str, Any]:
        """The JSON body, exactly as sent in a batch."""
        return self.body if self.batch_model is None else {**self.body, "model": self.batch_model}

    @property
    def covers(self) -> tuple[str, ...]:
        """The items whose content is requested: those of a packed request, or the single one."""
        return self.items or (self.item,)


class Answer(Frozen):
    """The outcome of one call: a reply (`body`) or the reason why there is none (`error`)."""

    call_id: str
    route: Route
    """The route that actually served it, which determines the price."""
    body: dict[str, Any] | None = None
    """The reply's JSON body; None when the call failed, or when the body is stored separately."""
    kept: str | None = None
    """Key of the body in the result storage; an image's body is too large to pass around."""
    usage: Usage = Usage()
    """The usage that the provider reports; zero for a failed call."""
    usage_is_known: bool = True
    """Whether the provider's figures are there and agree; if not, `usage` has only what could be read."""
    error: Foreign | None = None
    """Why there is no reply, as a message; None when there is one."""
    code: Foreign | None = None
    """The provider's error code or HTTP status, when the call failed."""
    retryable: bool = False
    """Whether a retry may help (429, 5xx, expired, cancelled, missing)."""
    asked_at: datetime | None = None
    """When the request was sent or the batch created."""
    answered_at: datetime | None = None
    run_id: str | None = None
    """The flow run that paid for it; a run that reuses the answer finds the earlier run's id here."""
    batch_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_usage(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("body") and "usage" not in data:
            reported = read_usage(data["body"])
            return {**data, "usage": reported.usage, "usage_is_known": reported.is_known}
        return data

    @model_validator(mode="after")
    def _has_reply_or_error(self) -> Self:
        if sum(part is not None for part in (self.body, self.kept, self.error)) != 1:
            raise ValueError("an answer has either a body, here or stored separately, or an error")
        return self


NOT_SENT = "not sent: "
"""How the reason begins why an item is missing that the cap had no room for."""


class MissingItem(Frozen):
    """An ordered item that could not be generated, for the manifest and the run's summary."""

    step: StepName
    item: str
    reason: Foreign = Field(description="Why it is missing, as a message.")


def request_key(endpoint: Endpoint, body: dict[str, Any]) -> str:
    """SHA-256 (hex) of a request and its endpoint."""
    text = orjson.dumps({"url": endpoint, "body": body}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no extra white space, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
