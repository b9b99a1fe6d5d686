"""Step 10: the images themselves.

Invariant: the content of this step is bytes that Pillow can read as a JPEG, PNG or WebP image of reasonable size.
"""

import base64
import binascii
import io

from PIL import Image, UnidentifiedImageError

from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.imagetokens import image_tokens
from pressrun.steps.base import InvalidReply, Order, Parsed, Reading, Step, reading
from pressrun.steps.config import image_item

__all__ = ["STEP"]

SIZES = {"landscape": "1536x1024", "square": "1024x1024", "portrait": "1024x1536"}
"""Sizes that every GPT Image model accepts."""
FORMATS = {"JPEG", "PNG", "WEBP"}
LEAST_PIXELS = 64
"""An image with a side smaller than this is a placeholder or an error."""

STYLE = (
    "Editorial photograph for a small business website. Natural light, true colours, honest detail. "
    "No text, no lettering, no logos, no watermark."
)


def calls(order: Order) -> list[Call]:
    """One call per image plan. JPEG, because all link previews support it, and it is a tenth of a PNG's size."""
    palette = order.config.palette
    return [
        Call(
            site=order.brief.slug,
            step=StepName.IMAGES,
            item=image_item(number),
            endpoint=Endpoint.IMAGES,
            body={
                "model": order.image_model,
                "prompt": f"{order.refined_prompts.get(image_item(number), plan.prompt)}\n\n{STYLE} "
                f"Let {palette.primary} and {palette.accent} appear where natural.",
                "n": 1,
                "size": SIZES[plan.orientation],
                "quality": order.image_quality,
                "output_format": "jpeg",
                "output_compression": 85,
            },
        )
        for number, plan in enumerate(order.config.images, start=1)
    ]


def parse(_order: Order, call: Call, answer: Answer) -> Reading:
    """The image's bytes. Raises `InvalidReply` for anything that is not an image."""
    data = ((answer.body or {}).get("data") or [{}])[0]
    encoded = data.get("b64_json") if isinstance(data, dict) else None
    if not encoded:
        raise InvalidReply(["the reply has no image (b64_json)"])
    try:
        raw = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(raw)) as image:
            image.load()
            size, kind = image.size, image.format
    except (binascii.Error, UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise InvalidReply(["the reply's image cannot be read"]) from None
    if kind not in FORMATS:
        raise InvalidReply([f"the image is a {kind}, not a JPEG, PNG or WebP"])
    if min(size) < LEAST_PIXELS:
        raise InvalidReply([f"the image is only {size[0]} x {size[1]} pixels"])
    return reading(call, Parsed(content=raw))


def _output_tokens(order: Order) -> int:
    """As if every image were rectangular, as most of a site's images are."""
    return image_tokens(order.image_quality, SIZES["landscape"])


STEP = Step(
    name=StepName.IMAGES,
    title="10 images",
    endpoint=Endpoint.IMAGES,
    calls=calls,
    parse=parse,
    output_tokens=_output_tokens,
)
