"""What calls are expected to use before they are sent: heuristics, which must be labelled as estimates.

Invariant: an estimate depends only on the call and its order, so the same call always has the same estimate; lessons
from past runs are a factor on it (`costs.lessons`), never part of it.
"""

from pressrun.calls import Call, Endpoint, Usage
from pressrun.steps import STEPS, Order
from pressrun.steps.vision import text_and_image_tokens
from pressrun.tokens import estimate_tokens

__all__ = ["estimated_usage"]


def estimated_usage(call: Call, order: Order) -> Usage:
    """Tokens that one call is expected to use, without assuming any caching."""
    output = STEPS[call.step].output_tokens(order) * len(call.covers)
    is_image = call.endpoint is Endpoint.IMAGES
    return Usage(input=_input_tokens(call), output=output, output_image=output if is_image else 0)


def _input_tokens(call: Call) -> int:
    if call.endpoint is Endpoint.IMAGES:
        return estimate_tokens(call.body["prompt"])
    text, images = text_and_image_tokens(call)
    return estimate_tokens(text) + images
