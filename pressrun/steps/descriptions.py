"""Step 10: the description of each image (alternative text, caption) and an improved prompt.

Invariant: an image description that parses has alternative text that describes the image instead of naming it.
"""

import re
from typing import Any

from pydantic import Field

from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.steps import checks
from pressrun.steps.base import InvalidReply, Order, Output, Parsed, Reading, Step, Wanted
from pressrun.steps.config import image_item
from pressrun.steps.packing import item_calls, read_items

__all__ = ["STEP", "ImageDescription"]

FILE_NAME = re.compile(r"\.(jpe?g|png|webp|gif|avif)\s*$", re.IGNORECASE)
ALT_ADVICE = 125
"""Characters; WCAG sets no limit, so a longer text is only a warning."""


class ImageDescription(Output):
    """The words around one image."""

    alt: str = Field(description="What the image shows to someone who cannot see it, at most 125 characters.")
    caption: str = Field(description="One sentence that adds something the picture does not say.")
    refined_prompt: str = Field(description="The image prompt, improved, in English.")


TASK = """\
Write the words around images of the site, from the plan below, for {what}.

- alt: what matters in the image for someone who cannot see it, in the site's language, at most 125 characters. Do not
  begin with "image of" or "photo of"; no file names, no lists of search terms.
- caption: one sentence that tells the reader something the picture does not; not the alt text again.
- refined_prompt: the image prompt made better, in English: one subject, one moment, light, lens, depth, mood, and the
  site's palette where it fits; no text, logos or recognisable people.

{plans}"""

WANTED = Wanted(model=ImageDescription, max_tokens=1_500, effort="none", repeats=True)


def calls(order: Order) -> list[Call]:
    """One call for all image plans, or one for each."""
    plans = {
        image_item(number): {"number": number, **plan.model_dump(mode="json")}
        for number, plan in enumerate(order.config.images, start=1)
    }
    return item_calls(order, StepName.DESCRIPTIONS, plans, TASK, WANTED)


def parse(order: Order, call: Call, answer: Answer) -> Reading:
    """The descriptions, with the alternative text checked. Raises `InvalidReply`."""
    return read_items(call, answer, ImageDescription, lambda description: _checked(order, description))


def _checked(order: Order, description: ImageDescription) -> Parsed:
    faults = checks.text_faults([("alt", description.alt), ("caption", description.caption)], order.brief)
    if FILE_NAME.search(description.alt):
        faults.append("alt is a file name")
    if faults:
        raise InvalidReply(faults)
    warnings = []
    if len(description.alt) > ALT_ADVICE:
        warnings.append(f"alt has {len(description.alt)} characters; at most {ALT_ADVICE} are recommended")
    if description.alt == description.caption:
        warnings.append("caption only repeats the alt text")
    return Parsed(content=description, warnings=tuple(warnings))


def _alike(descriptions: dict[str, Any]) -> dict[str, list[str]]:
    return checks.duplicates({item: description.alt for item, description in descriptions.items()}, "alt")


def _output_tokens(_order: Order) -> int:
    return 200


STEP = Step(
    name=StepName.DESCRIPTIONS,
    title="10 image descriptions",
    endpoint=Endpoint.CHAT,
    calls=calls,
    parse=parse,
    output_tokens=_output_tokens,
    check_together=_alike,
)
