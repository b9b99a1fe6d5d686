"""Reading what clients send: JSON bodies, forms, query parameters.

Invariant: anything unreadable is refused with a 400 that says why; nothing is guessed.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from pressrun.simulator import fields
from pressrun.simulator.answers import CHAT, IMAGES
from pressrun.simulator.batches import NewBatch
from pressrun.simulator.errors import ApiError, invalid_value, missing, not_simulated
from pressrun.simulator.files import DEFAULT_LIFETIME

__all__ = ["file_lifetime", "new_batch", "page_limit", "read_json"]

BATCH_FIELDS = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after")
ENDPOINTS = (
    "/v1/responses",
    CHAT,
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    IMAGES,
    "/v1/images/edits",
    "/v1/videos",
)
SHORTEST_LIFETIME, LONGEST_LIFETIME = 3600, 2_592_000
"""Seconds allowed in `expires_after` and `output_expires_after`."""


async def read_json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request.")
    return body


def new_batch(body: Mapping[str, Any]) -> NewBatch:
    """The request of POST /v1/batches. Whether the file exists is not checked here."""
    fields.refuse_unknown(body, BATCH_FIELDS)
    input_file_id = fields.required_text(body, "input_file_id")
    endpoint = fields.required_text(body, "endpoint")
    fields.choice(body, "endpoint", ENDPOINTS)
    fields.required_text(body, "completion_window")
    fields.choice(body, "completion_window", ("24h",))
    if endpoint not in (CHAT, IMAGES):
        raise not_simulated("endpoint", f"A batch on {endpoint}")
    return NewBatch(
        endpoint=endpoint,
        input_file_id=input_file_id,
        metadata=fields.text_pairs(body, "metadata"),
        output_lifetime=_lifetime(body.get("output_expires_after"), "output_expires_after") or DEFAULT_LIFETIME,
    )


def file_lifetime(form: Mapping[str, Any]) -> int | None:
    """The seconds in an upload's `expires_after[...]` fields, or None without them."""
    given = {name: form.get(f"expires_after[{name}]") for name in ("anchor", "seconds")}
    if given == {"anchor": None, "seconds": None}:
        return None
    seconds = str(given["seconds"])
    return _lifetime({**given, "seconds": int(seconds) if seconds.isdecimal() else seconds}, "expires_after")


def page_limit(request: Request, default: int, most: int) -> int:
    """The query's `limit`, from 1 to `most`."""
    text = request.query_params.get("limit", str(default))
    limit = fields.integer({"limit": int(text) if text.lstrip("-").isdecimal() else text}, "limit", 1, most)
    return limit or default


def _lifetime(wanted: Any, name: str) -> int | None:
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise invalid_value(name, f"Invalid type for '{name}': expected an object.", code="invalid_type")
    if wanted.get("anchor") is None:
        raise missing(f"{name}.anchor")
    fields.choice(wanted, "anchor", ("created_at",), param=f"{name}.anchor")
    seconds = {f"{name}.seconds": wanted.get("seconds")}
    lifetime = fields.integer(seconds, f"{name}.seconds", SHORTEST_LIFETIME, LONGEST_LIFETIME)
    if lifetime is None:
        raise missing(f"{name}.seconds")
    return lifetime
