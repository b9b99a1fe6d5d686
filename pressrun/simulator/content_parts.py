"""What the content of a message may be: text, or parts that are text or, from a user, images.

Invariant: an image that passes is readable: a JPEG, PNG or WebP in a data URI, at detail `low`, with a known token
count. Source: SDK openai 3.54.0; refusals as quoted in OpenAI's forum (threads 745769, 1289584) and in
STranslate issue 277 and opencode issue 23983.
"""

import base64
import binascii
import io
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from pressrun.simulator import fields
from pressrun.simulator.errors import ApiError, invalid_value, missing, not_simulated

__all__ = ["check_content", "content_texts"]

DATA_URI = re.compile(r"data:(?P<kind>[^;,]*)(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL)
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def check_content(message: Mapping[str, Any], where: str) -> None:
    """Raise `ApiError` 400 when OpenAI would refuse the message's content; `where` is the message's location."""
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not parts:
        raise invalid_value(f"{where}.content", f"Invalid value for '{where}.content': expected text or parts.")
    for index, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "image_url":
            _check_role(message, where)
            _check_image(part, f"{where}.content[{index}]")
        elif kind != "text" or not isinstance(part.get("text"), str):
            raise not_simulated(f"{where}.content", "A message part that is neither text nor image_url")


def content_texts(message: Mapping[str, Any]) -> list[str]:
    """The texts of a validated message, without its images."""
    content = message["content"]
    return [content] if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"]


def _check_role(message: Mapping[str, Any], where: str) -> None:
    role = message["role"]
    if role != "user":
        raise invalid_value(
            where,
            f"Invalid '{where}'. Image URLs are only allowed for messages with role 'user', but this message with role "
            f"'{role}' contains an image URL.",
        )


def _check_image(part: Mapping[str, Any], where: str) -> None:
    if "prompt_cache_breakpoint" in part:
        raise not_simulated(f"{where}.prompt_cache_breakpoint", "The parameter 'prompt_cache_breakpoint'")
    _refuse_unknown(part, ("type", "image_url"), where)
    image = part.get("image_url")
    where = f"{where}.image_url"
    if image is None:
        raise missing(where)
    if not isinstance(image, dict):
        message = f"Invalid type for '{where}': expected an object, but got {type(image).__name__} instead."
        raise invalid_value(where, message, code="invalid_type")
    _refuse_unknown(image, ("url", "detail"), where)
    if image.get("url") is None:
        raise missing(f"{where}.url")
    detail = fields.choice(image, "detail", ("auto", "low", "high", "original"), param=f"{where}.detail")
    if detail != "low":
        raise not_simulated(f"{where}.detail", "An image at another detail than 'low'")
    _check_url(image["url"], f"{where}.url")


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in sorted(set(given) - set(known)):
        raise invalid_value(f"{where}.{name}", f"Unknown parameter: '{where}.{name}'.", code="unknown_parameter")


def _check_url(url: Any, where: str) -> None:
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        raise not_simulated(where, "An image at a web address")
    uri = DATA_URI.fullmatch(url) if isinstance(url, str) else None
    if uri is None:
        raise _bad_url(where, "a value without the 'data:' prefix")
    if uri["kind"] == "image/gif":
        raise not_simulated(where, "A GIF")
    if uri["kind"] not in FORMATS or not uri["base64"]:
        raise _bad_url(where, f"unsupported MIME type '{uri['kind']}'")
    if not uri["data"]:
        raise _bad_url(where, "empty base64-encoded bytes")
    try:
        raw = base64.b64decode(uri["data"], validate=True)
    except (binascii.Error, ValueError):
        raise _bad_url(where, "invalid base64-encoded bytes") from None
    _check_bytes(raw)


def _check_bytes(raw: bytes) -> None:
    """Whether the data is an image, whatever its MIME type says."""
    try:
        with Image.open(io.BytesIO(raw), formats=list(FORMATS.values())) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ApiError(
            400,
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: "
            "['png', 'jpeg', 'gif', 'webp'].",
            code="invalid_image_format",
        ) from None


def _bad_url(where: str, what: str) -> ApiError:
    return invalid_value(
        where,
        f"Invalid image URL: '{where}'. Expected a base64-encoded data URL with an image MIME type "
        f"(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got {what}.",
    )
