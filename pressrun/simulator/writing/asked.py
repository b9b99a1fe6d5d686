"""What a Chat Completions body asks for, as far as the writer needs to know.

Invariant: reading a body never fails; what is missing or unreadable is simply not there.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from pydantic import ValidationError

from pressrun.brief import SiteBrief
from pressrun.calls import canonical_json

__all__ = ["Asked", "read_body", "stable_number"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, read."""

    kind: str
    """`response_format.type`: text, json_object or json_schema."""
    name: str
    """The schema's name, empty when there is none."""
    schema: dict[str, Any]
    brief: SiteBrief | None
    site: dict[str, Any]
    """The essentials of the `SiteConfig`; empty before step 08 has run."""
    item: dict[str, Any]
    """The plan in hand; empty when the request is not about one."""
    items: dict[str, Any]
    """The plans of a packed request by their ids; empty when the request is not packed."""
    seed: int

    @property
    def rng(self) -> Random:
        """A generator that starts the same for the same body."""
        return Random(self.seed)


def read_body(body: dict[str, Any]) -> Asked:
    """Read a request's body."""
    wanted = body.get("response_format")
    wanted = wanted if isinstance(wanted, dict) else {}
    described = wanted.get("json_schema")
    described = described if isinstance(described, dict) else {}
    schema = described.get("schema")
    texts = list(_texts(body))
    return Asked(
        kind=str(wanted.get("type", "text")),
        name=str(described.get("name", "")),
        schema=schema if isinstance(schema, dict) else {},
        brief=_brief(_block("brief", texts)),
        site=_block("site", texts),
        item=_block("item", texts),
        items=_block("items", texts),
        seed=stable_number(canonical_json(body)),
    )


def stable_number(text: str) -> int:
    """A number that the same text has in every process."""
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:8], "big")


def _texts(body: dict[str, Any]) -> Iterator[str]:
    """The texts that the user's side wrote; an assistant's earlier reply is no order."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, dict) or message.get("role") == "assistant":
            continue
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        yield from (str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))


def _block(tag: str, texts: list[str]) -> dict[str, Any]:
    """The first JSON object that follows `<tag>`; prose may mention the tag without giving one."""
    decoder = json.JSONDecoder()
    for text in texts:
        for opening in re.finditer(rf"<{tag}>\s*(?=\{{)", text):
            try:
                value, end = decoder.raw_decode(text, opening.end())
            except (ValueError, RecursionError):
                continue
            if text[end:].lstrip().startswith(f"</{tag}>"):
                return dict(value)
    return {}


def _brief(facts: dict[str, Any]) -> SiteBrief | None:
    try:
        return SiteBrief.model_validate(facts)
    except ValidationError:
        return None
