"""The reply in words of a model that looks at an image: faults, scores and a better prompt.

Invariant: of five images in a row exactly one is faulty, and an image that is made again from the better prompt is
good. The image itself is not looked at: the simulator's are all drawn alike.
"""

from typing import Any

from pressrun.simulator.writing.asked import Asked
from pressrun.simulator.writing.words import Words

__all__ = ["write_review"]

ONE_IN = 5
MENDED = {
    "brand_fit": "Warm light in the colors of the brand, in a place that looks lived in",
    "subject": "The subject whole, large and sharp in the middle of the frame, against a quiet background",
    "craft": "One soft light from the left, natural hands with five fingers each, consistent shadows",
}
"""What is added to the prompt for the score that was low."""
FINE = "Keep the composition; a little more space at the edges for cropping"


def write_review(words: Words, asked: Asked) -> dict[str, Any]:
    """The fields of `ImageReview`."""
    number = asked.item.get("number")
    number = number if isinstance(number, int) and number > 0 else 1
    prompt = str(asked.item.get("prompt") or asked.item.get("subject") or words.name()).rstrip(". ")
    turn = words.seed + number
    is_mended = any(addition in prompt for addition in MENDED.values())
    scores = {name: 82 + (turn * step) % 15 for name, step in zip(MENDED, (7, 4, 11), strict=True)}
    if turn % ONE_IN or is_mended:
        return {**scores, "faults": [], "better_prompt": f"{prompt}. {FINE}."}
    low = list(MENDED)[turn // ONE_IN % len(MENDED)]
    kinds = (low, "minor") if turn % 2 else (low,)
    templates = [words.data["faults"][kind][number % 2] for kind in kinds]
    return {
        **scores,
        low: 31 + turn * 7 % 28,
        "faults": [words.fill(template, number) for template in templates],
        "better_prompt": f"{prompt}. {MENDED[low]}.",
    }
