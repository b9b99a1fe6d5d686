"""The pipeline's steps, one file each; a new step needs a new file and a line here."""

from pressrun.calls import StepName
from pressrun.steps import articles, config, descriptions, images, review, seo
from pressrun.steps.base import Asking, Order, Parsed, Reading, Step, read_answer
from pressrun.steps.repairs import repair_call
from pressrun.steps.replies import InvalidReply

__all__ = [
    "CONFIG",
    "IMAGES",
    "PIPELINE",
    "REVIEW",
    "STEPS",
    "Asking",
    "InvalidReply",
    "Order",
    "Parsed",
    "Reading",
    "Step",
    "read_answer",
    "repair_call",
]

CONFIG = config.STEP
"""Step 08, for which every other step waits."""
IMAGES = images.STEP
REVIEW = review.STEP
"""Visual feedback, which runs only on request, after the images."""

PIPELINE: tuple[Step, ...] = (config.STEP, articles.STEP, images.STEP, descriptions.STEP, seo.STEP)
"""The steps of every site, in the order shown to people."""
STEPS: dict[StepName, Step] = {step.name: step for step in (*PIPELINE, REVIEW)}
"""All steps by name."""
