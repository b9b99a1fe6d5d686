"""Images as input of a text model: how they are put into a prompt, and how many tokens they take.

Invariant: the same image always becomes the same bytes (for one version of Pillow), so a call with it keeps its key;
and an image in a prompt is never counted as the text of its data URI.
"""

import base64
import io
import math
from typing import Any

from PIL import Image

from pressrun.calls import Call, canonical_json
from pressrun.models import undated

__all__ = ["image_input_tokens", "image_part", "text_and_image_tokens"]

LONG_SIDE = 768
"""Pixels; more than the model sees at detail `low` (512), for compatible servers that ignore the parameter."""
QUALITY = 80

PATCHES = 256
"""Maximum number of patches of 32 x 32 pixels in the 512 x 512 that the model sees at detail `low`.

Source: OpenAI's guide "Images and vision" (developers.openai.com/api/docs/guides/images-vision), sections "Choose an
image detail level" and "Calculating costs", as mirrored in 2026. The guide does not name the GPT-6 models yet.
"""
PATCH_FACTORS = {
    "gpt-4.1-mini": 1.62,
    "gpt-4.1-nano": 2.46,
    "gpt-5-mini": 1.62,
    "gpt-5-nano": 2.46,
    "gpt-5.4-mini": 1.62,
    "gpt-5.4-nano": 2.46,
    "o4-mini": 1.72,
}
"""Tokens per patch, from the same guide."""
USUAL_FACTOR = 1.2
"""Tokens per patch for all other models. Not in the guide: measured on gpt-5.2 (community.openai.com/t/1372291) and on
gpt-5.6-sol (vybestack/llxprt-code pull request 3483)."""
BASE_TOKENS = {"gpt-4.1": 85, "gpt-4o": 85, "gpt-4o-mini": 2_833, "gpt-5": 70, "o1": 75, "o3": 75}
"""Models that count by tiles: the tokens of any image at detail `low`, from the same guide."""


def image_part(raw: bytes) -> dict[str, Any]:
    """The content part for an image: a JPEG of at most 768 pixels on its long side, at detail `low`."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(raw)) as image:
        shown = image.convert("RGB")
    shown.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    shown.save(small, "JPEG", quality=QUALITY)
    encoded = base64.b64encode(small.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded}", "detail": "low"}}


def image_input_tokens(model: str) -> int:
    """Input tokens of one image of any size at detail `low`; an estimate where nothing is published."""
    name = undated(model)
    return BASE_TOKENS.get(name) or math.ceil(PATCHES * PATCH_FACTORS.get(name, USUAL_FACTOR))


def text_and_image_tokens(call: Call) -> tuple[str, int]:
    """The text input of a chat call, without the images, and the input tokens of the images."""
    messages = call.body["messages"]
    parts = [message["content"] for message in messages if not isinstance(message["content"], str)]
    images = sum(_is_image(part) for content in parts for part in content)
    read = [message if isinstance(message["content"], str) else _without_images(message) for message in messages]
    return canonical_json([read, call.body.get("response_format")]), images * image_input_tokens(call.model)


def _without_images(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [part for part in message["content"] if not _is_image(part)]}


def _is_image(part: dict[str, Any]) -> bool:
    return bool(part["type"] == "image_url")
