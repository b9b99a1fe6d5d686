"""The simulator's author: what the assistant says to a Chat Completions request.

Invariant: the same body always gets the same reply, and a reply to a JSON schema is valid under that schema.
Pressrun's own calls get copy that reads like a small business's website; everything else gets filler.
"""

import json
from collections.abc import Callable
from typing import Any

from pressrun.simulator.schema_filler import fill_schema
from pressrun.simulator.writing.article import write_article
from pressrun.simulator.writing.asked import Asked, read_body
from pressrun.simulator.writing.meta import write_description, write_seo
from pressrun.simulator.writing.site import write_site
from pressrun.simulator.writing.words import Words

__all__ = ["write_reply"]

WRITERS: dict[str, Callable[[Words, Asked], dict[str, Any]]] = {
    "site_config": write_site,
    "article": write_article,
    "image_description": write_description,
    "page_seo": write_seo,
}
"""Writers by the name of the schema that they write for."""
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
    writer = WRITERS.get(asked.name)
    if writer is None or asked.brief is None:
        return fill_schema(asked.schema, asked.rng)
    return fill_schema(asked.schema, asked.rng, writer(Words.of(asked.brief), asked))
