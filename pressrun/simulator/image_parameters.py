"""What POST /v1/images/generations accepts, by model.

Invariant: a validated request has a definite width, height, quality and format, so that painting and counting tokens
never guess. Source: SDK openai 3.54.0, `image_generate_params`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pressrun.simulator import fields
from pressrun.simulator.errors import invalid_value, not_simulated
from pressrun.simulator.models import Model, find_model, require_kind

__all__ = ["ImageRequest", "check_image"]

ANSWERED = frozenset(
    [
        "background",
        "complexity",
        "model",
        "moderation",
        "n",
        "output_compression",
        "output_format",
        "prompt",
        "quality",
        "safety_identifier",
        "size",
        "user",
    ]
)
NOT_SIMULATED = frozenset(["frame_count", "frame_duration_ms", "partial_images", "stream", "svg"])
STANDARD_SIZES = ("1024x1024", "1536x1024", "1024x1536")
EDGE_STEP, LONGEST_EDGE, WIDEST_RATIO = 16, 3840, 3
FEWEST_PIXELS, MOST_PIXELS = 655_360, 8_294_400


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """A validated request, with every `auto` resolved."""

    model: Model
    prompt: str
    count: int
    width: int
    """Pixels, as `height`."""
    height: int
    quality: str
    output_format: str
    compression: int | None
    """0-100 for jpeg and webp; None when not requested."""


def check_image(body: Mapping[str, Any], day: date) -> ImageRequest:
    """The request with definite values. Raises `ApiError` when OpenAI would refuse the body.

    Here `auto` means 1024x1024 and medium quality; OpenAI's choice for `auto` is not published.
    """
    fields.refuse_unknown(body, ANSWERED | NOT_SIMULATED)
    model = find_model(fields.required_text(body, "model"), day)
    require_kind(model, "image")
    for name in sorted(NOT_SIMULATED & set(body)):
        raise not_simulated(name, f"The parameter '{name}'")
    prompt = fields.required_text({"prompt": fields.text(body, "prompt", longest=32_000) or None}, "prompt")
    output_format = _output_format(body)
    _check_rest(body, model, output_format)
    width, height = _size(body, model)
    quality = fields.choice(body, "quality", (*model.qualities, "auto"))
    return ImageRequest(
        model=model,
        prompt=prompt,
        count=fields.integer(body, "n", 1, 10) or 1,
        width=width,
        height=height,
        quality="medium" if quality in (None, "auto") else str(quality),
        output_format=output_format,
        compression=_compression(body, output_format),
    )


def _output_format(body: Mapping[str, Any]) -> str:
    chosen = fields.choice(body, "output_format", ("png", "jpeg", "webp", "gif", "svg")) or "png"
    if chosen in ("gif", "svg"):
        raise not_simulated("output_format", f"The output format {chosen}, which is in preview,")
    return chosen


def _compression(body: Mapping[str, Any], output_format: str) -> int | None:
    compression = fields.integer(body, "output_compression", 0, 100)
    if compression not in (None, 100) and output_format == "png":
        message = "Compression less than 100 is not supported for PNG output format."
        raise invalid_value("output_compression", message)
    return compression if output_format != "png" else None


def _size(body: Mapping[str, Any], model: Model) -> tuple[int, int]:
    asked = fields.text(body, "size") or "auto"
    size = STANDARD_SIZES[0] if asked == "auto" else asked
    edges = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    if size in STANDARD_SIZES:
        fault = None
    elif not model.any_size:
        fault = f"Supported values are: {', '.join(STANDARD_SIZES)} and auto."
    elif edges is None:
        fault = "Expected WIDTHxHEIGHT or auto."
    else:
        fault = _free_size_fault(int(edges[1]), int(edges[2]))
    if fault or edges is None:
        raise invalid_value("size", f"Invalid size '{asked}' for {model.id}. {fault}")
    return int(edges[1]), int(edges[2])


def _free_size_fault(width: int, height: int) -> str | None:
    if width % EDGE_STEP or height % EDGE_STEP:
        return f"Width and height must be divisible by {EDGE_STEP}."
    if max(width, height) > LONGEST_EDGE:
        return f"No edge may be longer than {LONGEST_EDGE} pixels."
    if max(width, height) > WIDEST_RATIO * min(width, height):
        return "The aspect ratio must be between 1:3 and 3:1."
    if not FEWEST_PIXELS <= width * height <= MOST_PIXELS:
        return f"An image must have {FEWEST_PIXELS} to {MOST_PIXELS} pixels."
    return None


def _check_rest(body: Mapping[str, Any], model: Model, output_format: str) -> None:
    fields.choice(body, "moderation", ("low", "auto"))
    fields.text(body, "user")
    fields.text(body, "safety_identifier", longest=128)
    background = fields.choice(body, "background", ("transparent", "opaque", "auto"))
    if background == "transparent" and output_format == "jpeg":
        raise invalid_value("background", "Transparent background is not supported for JPEG output format.")
    if background == "transparent":
        raise not_simulated("background", "A transparent background")
    if fields.choice(body, "complexity", ("low", "medium", "high")) and not model.complexity:
        raise invalid_value("complexity", f"'complexity' is not supported with {model.id}.", "unsupported_parameter")
