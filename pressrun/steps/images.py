"""Step 10: the images themselves.

Invariant: the content of this step is bytes that Pillow can read as a JPEG, PNG or WebP image of reasonable size.
"""

from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.imagetokens import image_tokens
from pressrun.steps.base import Order, Parsed, Reading, Step, reading
from pressrun.steps.config import image_item
from pressrun.steps.replies import image_file

__all__ = ["STEP"]

SIZES = {"landscape": "1536x1024", "square": "1024x1024", "portrait": "1024x1536"}
"""Sizes that every GPT Image model accepts."""

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
            batch_model=order.batch_models.get(Endpoint.IMAGES),
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
    return reading(call, Parsed(content=image_file(answer.body or {}).data))


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
