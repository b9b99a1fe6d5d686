"""What a reply contains, whatever shape a server gives it: text or an image.

Invariant: reading a reply gives its content or raises `InvalidReply`, and nothing else. Text comes without control
characters, and an image only after it could be decoded completely, in a format that was asked for and within limits.
"""

import base64
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from PIL import Image
from pydantic_core import from_json

from pressrun.reasons import reason
from pressrun.untrusted import clean
from pressrun.wire import mapping, rows, text

__all__ = ["InvalidReply", "Picture", "Text", "chat_text", "image_file", "json_content"]

CUT_OFF = {"length", "max_tokens", "model_length"}
"""Finish reasons of a reply that reached its token limit; OpenAI's is `length`."""
FILTERED = {"content_filter", "safety", "recitation", "prohibited_content"}
THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
"""Reasoning that some models write before their answer."""
FENCE = re.compile(r"```(?:json)?[^\S\n]*\n(.*)\n[^\S\n]*```", re.DOTALL)
"""A Markdown code block around the whole answer."""
SPACE = re.compile(r"\s+")
LINK = re.compile(r"https?:", re.IGNORECASE)
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 64_000_000
MOST_PIXELS = 50_000_000
"""The largest image that any model makes has 8.3 million pixels (3840 x 2160)."""
LEAST_SIDE = 64
"""An image with a side smaller than this is a placeholder or an error."""


class InvalidReply(Exception):
    """An unusable reply; `faults` says why, one sentence each. Never leaves the library.

    `refused`: the model declined, or asking again is of no use, so an immediate retry would pay for the same again.
    """

    def __init__(self, faults: Sequence[str], *, refused: bool = False) -> None:
        self.faults = list(faults)
        self.refused = refused
        super().__init__("; ".join(self.faults))


class Text(NamedTuple):
    """The text of a reply, and whether it was truncated at the token limit."""

    text: str
    is_cut_off: bool


class Picture(NamedTuple):
    """The bytes of an image file, and its size in pixels."""

    data: bytes
    size: tuple[int, int]


def chat_text(body: dict[str, Any]) -> Text:
    """The text of a Chat Completions reply. Raises `InvalidReply`, also for a refusal or a filtered reply."""
    choice = _choice(body)
    message = choice.get("message")
    refusal = text(mapping(message).get("refusal")) or _part(mapping(message).get("content"), "refusal")
    if refusal:
        raise InvalidReply([f"the model refused: {clean(refusal)[:300]}"], refused=True)
    why = str(choice.get("finish_reason") or "").lower()
    if why in FILTERED:
        raise InvalidReply(["the provider's content filter cut the reply"])
    if choice.get("error") or why == "error":
        raise InvalidReply([_said("the provider could not finish the reply", choice.get("error"))])
    content = "".join(_texts(message if isinstance(message, str) else mapping(message).get("content")))
    content = content if content.strip() else _elsewhere(choice)
    if not content.strip():
        raise InvalidReply(["the reply is empty"])
    return Text(_bare(content), why in CUT_OFF)


def _choice(body: dict[str, Any]) -> dict[str, Any]:
    choices = rows(body.get("choices"))
    if not choices:
        raise InvalidReply([_said("the reply has no choices", body.get("error") or body.get("detail"))])
    return choices[0]


def _said(what: str, error: Any) -> str:
    """What went wrong, with the provider's reason if it gave one."""
    words = reason(error).message
    return f"{what}: {words}" if words else what


def _texts(content: Any) -> Iterator[str]:
    """The text parts of a message's content; parts of another type, such as `thinking`, are left out."""
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str) and content is not part:
            yield part
        if isinstance(part, dict) and str(part.get("type") or "text").lower() in ("text", "output_text"):
            inner = part.get("text")
            yield from _texts(mapping(inner).get("value") if isinstance(inner, dict) else text(inner) or "")


def _elsewhere(choice: dict[str, Any]) -> str:
    """The answer where some gateways have it: already parsed, as the arguments of a tool, or beside the message."""
    message = mapping(choice.get("message"))
    content = message.get("content")
    if isinstance(content, dict) and "type" not in content:
        return json.dumps(content)
    asked = [mapping(call.get("function")).get("arguments") for call in rows(message.get("tool_calls"))]
    return next(filter(None, (text(said) for said in (*asked, choice.get("text")))), "")


def _part(content: Any, name: str) -> str | None:
    """The text of the first content part of a type."""
    parts = (part for part in rows(content) if part.get("type") == name)
    return next((said for part in parts if (said := text(part.get(name)))), None)


def _bare(content: str) -> str:
    """The answer without thoughts before it and a code block around it."""
    thoughts = THOUGHTS.match(content)
    content = content[thoughts.end() :] if thoughts else content
    fenced = FENCE.fullmatch(content.strip())
    return fenced[1] if fenced else content


def json_content(content: str, *, is_cut_off: bool = False) -> Any:
    """The JSON value of a text, its strings without control characters. Raises `InvalidReply`.

    Of a text that was cut off, everything before the cut is read.
    """
    try:
        value = from_json(content, allow_partial=is_cut_off)
    except ValueError as error:
        value = _leniently(content, error)
    return _cleaned(value)


def _leniently(content: str, error: ValueError) -> Any:
    """What models write although JSON forbids it: line ends within a string, half an emoji. Raises `InvalidReply`."""
    try:
        return json.loads(content, strict=False)
    except (ValueError, RecursionError):
        raise InvalidReply([f"the reply is not JSON ({error})"]) from None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    if isinstance(value, dict):
        return {clean(name): _cleaned(part) for name, part in value.items()}
    return value


def image_file(body: dict[str, Any]) -> Picture:
    """The image of an Images reply. Raises `InvalidReply` for anything that is not an image of reasonable size."""
    data = _decoded(_encoded(body))
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            size = image.size
            if size[0] * size[1] <= MOST_PIXELS:
                image.load()
    except Exception as error:  # Pillow raises whatever its decoders meet in a damaged file.
        raise InvalidReply(["the reply's image cannot be read as a JPEG, PNG or WebP file"]) from error
    if size[0] * size[1] > MOST_PIXELS or min(size) < LEAST_SIDE:
        raise InvalidReply([f"the image has {size[0]} x {size[1]} pixels"])
    return Picture(data, size)


def _encoded(body: dict[str, Any]) -> str:
    """The base64 text of the first image."""
    data = body.get("data", body.get("images"))
    listed = [data] if isinstance(data, dict) else data
    entries = listed if isinstance(listed, list) else []
    images = rows([{"b64_json": one} if isinstance(one, str) and one else one for one in entries])
    if not images:
        # Asking again would be refused again: that is how servers report that their moderation held an image back.
        why = _said("the provider returned no image, as its moderation may have held it back", body.get("error"))
        raise InvalidReply([why], refused=isinstance(data, list))
    places = [text(image.get(name)) for image in images for name in ("b64_json", "url")]
    encoded = next((said for said in places if said and not LINK.match(said)), None)
    if not encoded and any(places):
        raise InvalidReply(
            ["the server sent a link instead of an image, which Pressrun does not follow; use a server or model that "
             "sends b64_json"],
            refused=True,
        )  # fmt: skip
    if not encoded:
        held = any("filter" in name or "moderation" in name for name in images[0])
        why = _said("the reply has no image (b64_json)", images[0].get("error") or body.get("error"))
        raise InvalidReply([f"{why}, as its moderation held it back" if held else why], refused=held)
    return encoded


def _decoded(encoded: str) -> bytes:
    """The bytes of base64 text: also of a data URI, wrapped in lines, in the URL alphabet, or without its padding."""
    if len(encoded) > MOST_BYTES * 4 // 3:
        raise InvalidReply([f"the image is larger than {MOST_BYTES // 1_000_000} MB"])
    head, comma, rest = encoded.partition(",")
    plain = SPACE.sub("", rest if comma and head.lstrip().lower().startswith("data:") else encoded)
    plain = plain.translate(URL_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise InvalidReply(["the reply's image is not base64"]) from None


URL_ALPHABET = str.maketrans("-_", "+/")
