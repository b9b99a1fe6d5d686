"""Visual feedback: a model reviews finished images against the brand and suggests improvements.

Invariant: a review that parses has three scores from 0 to 100 and a prompt from which the image can be regenerated at
once; the faults of the image are plain sentences for an editor.
"""

import io
from collections.abc import Mapping

from PIL import Image
from pydantic import Field

from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.steps import checks, prompts
from pressrun.steps.base import (
    InvalidReply,
    Order,
    Output,
    Parsed,
    Reading,
    Step,
    Wanted,
    chat_call,
    parse_chat,
    reading,
)
from pressrun.steps.config import SiteConfig, image_item
from pressrun.steps.vision import image_part

__all__ = ["STEP", "ImageReview", "better_prompts", "looked_at", "specimen_images"]


class ImageReview(Output):
    """What was seen in one image. The faults come before the scores, so that the scores follow from them."""

    faults: list[str] = Field(description="What is wrong, a short plain sentence each; empty when nothing is.")
    brand_fit: int = Field(ge=0, le=100, description="How well it fits the brand: voice, palette, audience.")
    subject: int = Field(ge=0, le=100, description="How well it shows what the plan orders.")
    craft: int = Field(ge=0, le=100, description="Light, focus, anatomy, perspective; no artefacts or lettering.")
    better_prompt: str = Field(description="The image prompt, in English, rewritten to avoid the faults.")

    @property
    def score(self) -> int:
        """The lowest of the three: the brand's colours do not make up for a hand with six fingers."""
        return min(self.brand_fit, self.subject, self.craft)


TASK = """\
Look at the image below, which was made from this plan, as the editor who decides whether the site shows it.

- faults: everything that is wrong, each in one short plain sentence that says where it is seen. Judge what is there,
  not what was meant. Nothing wrong: an empty list.
- Scores from 0 to 100: from 90, it is shown as it is; from 70, it can stay; below 60, it must be made again.
  - brand_fit: would this client, with the voice in <site> and the palette of the plan, choose it?
  - subject: does it show what the plan orders, in the role that it has on the page?
  - craft: light, focus, anatomy, perspective; no artefacts, lettering or logos.
- better_prompt: the plan's prompt, in English, rewritten so that the next image has none of these faults and keeps
  what is good. It stands by itself: subject, setting, light, lens, mood; no text, logos or recognisable people.

{item}"""

WANTED = Wanted(model=ImageReview, max_tokens=2_000, effort="low", repeats=True)


def looked_at(config: SiteConfig, count: int) -> list[str]:
    """The items of the `count` images to review: heroes first, then in plan order."""
    numbered = sorted(enumerate(config.images, start=1), key=lambda numbered: numbered[1].role != "hero")
    return [image_item(number) for number, _ in numbered[:count]]


def calls(order: Order) -> list[Call]:
    """One call for each image in `order.images`."""
    return [_call(order, item, raw) for item, raw in order.images.items()]


def _call(order: Order, item: str, raw: bytes) -> Call:
    plans = enumerate(order.config.images, start=1)
    number, plan = next((number, plan) for number, plan in plans if image_item(number) == item)
    data = {
        "number": number,
        **plan.model_dump(mode="json"),
        "prompt": order.refined_prompts.get(item, plan.prompt),
        "palette": order.config.palette.model_dump(),
    }
    text = TASK.format(item=prompts.data("item", data))
    return chat_call(order, StepName.REVIEW, item, [{"type": "text", "text": text}, image_part(raw)], WANTED)


def parse(_order: Order, call: Call, answer: Answer) -> Reading:
    """The review, with its faults as advice to the editor. Raises `InvalidReply`."""
    review = parse_chat(answer, ImageReview)
    said = {"better_prompt": review.better_prompt}
    said |= {f"fault {number}": text for number, text in enumerate(review.faults, start=1)}
    faults = [f"{name} is empty" for name, text in said.items() if not text]
    faults += [f"{name} {fault}" for name, text in said.items() for fault in checks.debris(text)]
    if faults:
        raise InvalidReply(faults)
    warnings = tuple(f"scored {review.score}: {fault}" for fault in review.faults)
    return reading(call, Parsed(content=review, warnings=warnings))


def better_prompts(reviews: Mapping[str, ImageReview], below: int | None) -> dict[str, str]:
    """The improved prompts, by item, of the images that scored less than `below`."""
    return {item: review.better_prompt for item, review in reviews.items() if below and review.score < below}


def specimen_images(config: SiteConfig, count: int) -> dict[str, bytes]:
    """Placeholders for the images to review, to count tokens before there are any."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    return dict.fromkeys(looked_at(config, count), file.getvalue())


def _output_tokens(_order: Order) -> int:
    """Scores, a fault or two and a prompt of about 90 words, with some reasoning."""
    return 350


STEP = Step(
    name=StepName.REVIEW,
    title="Visual feedback",
    endpoint=Endpoint.CHAT,
    calls=calls,
    parse=parse,
    output_tokens=_output_tokens,
)
