"""Visual feedback: finished images are reviewed, and those that score too low are regenerated once.

Invariant: it can only improve a site: a failure here becomes a note for the editor, and the existing image stays.
"""

from flows.answering import produce
from flows.desk import Desk, Work
from pressrun.calls import MissingItem, StepName
from pressrun.progress import Note, tell
from pressrun.steps import IMAGES, REVIEW, Order
from pressrun.steps.review import better_prompts, looked_at

__all__ = ["review_images"]


def review_images(order: Order, desk: Desk, work: Work) -> None:
    """Review the number of images in the strategy, and regenerate those below its score from the improved prompt."""
    made = work.content[StepName.IMAGES]
    items = [item for item in looked_at(order.config, desk.strategy.review_images) if item in made]
    looked = order.model_copy(update={"images": {item: made[item] for item in items}})
    before = list(work.missing)
    produce(looked, REVIEW.calls(looked), desk, work)
    _note_failures(before, work)

    better = better_prompts(work.content[StepName.REVIEW], desk.strategy.regenerate_below)
    if not better:
        return
    tell(Note(text=f"Regenerating images that scored too low: {', '.join(better)}"))
    _mark_remade(better, work)
    again = order.model_copy(update={"refined_prompts": {**order.refined_prompts, **better}})
    produce(again, [call for call in IMAGES.calls(again) if call.item in better], desk, work)
    _note_failures(before, work)


def _note_failures(before: list[MissingItem], work: Work) -> None:
    """Turn what is missing since `before` into warnings, because it is not part of the order."""
    work.warnings += [f"{one.step} {one.item}: {one.reason}" for one in work.missing if one not in before]
    work.missing[:] = before


def _mark_remade(items: dict[str, str], work: Work) -> None:
    """Mark the faults of a replaced image as fixed since."""
    prefixes = tuple(f"{StepName.REVIEW} {item}: " for item in items)
    work.warnings[:] = [
        f"{warning} (regenerated since)" if warning.startswith(prefixes) else warning for warning in work.warnings
    ]
