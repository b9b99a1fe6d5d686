"""Replies of POST /v1/images/generations.

Invariant: the same body always gets the same images, and the tokens depend only on size and quality.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pressrun.simulator.image_parameters import ImageRequest, check_image
from pressrun.simulator.painter import paint_image
from pressrun.simulator.tokens import count_tokens

__all__ = ["generate_images", "image_tokens"]

SQUARE = 1024 * 1024
SQUARE_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 8320, "max": 16640}
OBLONG_TOKENS = {"low": 400, "medium": 1568, "high": 6208, "xhigh": 12416, "max": 24832}
"""Output tokens of 1536x1024 and 1024x1536. Source: OpenAI's fixed prices for gpt-image-1; those of xhigh and max are
not published, and are assumed here to be two and four times those of high."""


def generate_images(body: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to one request. Raises `ApiError` when the body is not one that OpenAI takes."""
    now = datetime.now(UTC)
    request = check_image(body, now.date())
    input_tokens = count_tokens(request.prompt)
    output_tokens = request.count * image_tokens(request.width, request.height, request.quality)
    return {
        "created": int(now.timestamp()),
        "background": "opaque",
        "data": [{"b64_json": _paint(request, index)} for index in range(request.count)],
        "output_format": request.output_format,
        "quality": request.quality,
        "size": f"{request.width}x{request.height}",
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": {"text_tokens": input_tokens, "image_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": output_tokens},
            "total_tokens": input_tokens + output_tokens,
        },
    }


def image_tokens(width: int, height: int, quality: str) -> int:
    """Output tokens of one image with this many pixels."""
    if {width, height} == {1536, 1024}:
        return OBLONG_TOKENS[quality]
    return max(1, round(SQUARE_TOKENS[quality] * width * height / SQUARE))


def _paint(request: ImageRequest, index: int) -> str:
    """One image in base64; from the second on, the prompt is numbered, so that the images differ."""
    prompt = request.prompt if index == 0 else f"{request.prompt} ({index + 1})"
    picture = paint_image(prompt, request.width, request.height, request.output_format, request.compression)
    return base64.b64encode(picture).decode("ascii")
