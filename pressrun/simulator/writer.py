"""The simulator's author: what the assistant says to a Chat Completions request.

Invariant: the same body always gets the same reply, and a reply to a JSON schema is valid under that schema.
Pressrun's own calls get copy that reads like a small business's website; everything else gets filler.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pressrun.simulator.schema_filler import fill_schema
from pressrun.simulator.writing.article import write_article
from pressrun.simulator.writing.asked import Asked, read_body
from pressrun.simulator.writing.looks import write_review
from pressrun.simulator.writing.meta import write_description, write_seo
from pressrun.simulator.writing.site import write_site
from pressrun.simulator.writing.words import Words

__all__ = ["write_reply"]

WRITERS: dict[str, Callable[[Words, Asked], dict[str, Any]]] = {
    "site_config": write_site,
    "article": write_article,
    "image_description": write_description,
    "image_review": write_review,
    "page_seo": write_seo,
}
"""Writers by the name of the schema that they write for."""
PACKED = "_pack"
"""Ends the name of a schema that has a field for each of several items."""
SMALL_TALK = (
    "This is the simulator speaking. No model was asked, and nothing was billed.",
    "Understood. This reply was written by the simulator, not by a model.",
    "Here is a simulated reply, so that the rest of the program has something to work with.",
)


def write_reply(body: dict[str, Any]) -> str:
    """The assistant's message for the JSON body of a Chat Completions request. Raises nothing for any JSON object."""
    asked = read_body(body)
    if asked.kind == "json_schema":
        return json.dumps(_content(asked), ensure_ascii=False)
    text = asked.rng.choice(SMALL_TALK)
    return json.dumps({"reply": text}) if asked.kind == "json_object" else text


def _content(asked: Asked) -> Any:
    writer = WRITERS.get(asked.name.removesuffix(PACKED))
    if writer is None or asked.brief is None:
        return fill_schema(asked.schema, asked.rng)
    words = Words.of(asked.brief)
    if not asked.name.endswith(PACKED):
        return fill_schema(asked.schema, asked.rng, writer(words, asked))
    # A repair asks for some of the items only; the schema has a field for each.
    plans = {item: plan for item, plan in asked.items.items() if item in asked.schema.get("properties", {})}
    drafts = {item: writer(words, replace(asked, item=plan)) for item, plan in plans.items() if isinstance(plan, dict)}
    return fill_schema(asked.schema, asked.rng, drafts)
