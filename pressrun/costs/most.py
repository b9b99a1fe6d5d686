"""The most that one request can use, which is what a cap is held against while the request is under way.

Invariant: no reply uses more than this: a token is at least one byte of the request, and the output is capped by the
request itself. For images, shown or made, the provider publishes no cap, so theirs is what was seen, with a margin.
"""

from pressrun.calls import Call, Endpoint, Usage
from pressrun.imagetokens import image_tokens
from pressrun.steps.vision import text_and_image_tokens

__all__ = ["most_usage"]

OVERHEAD = 100
"""Input tokens that a provider adds around the messages."""
IMAGE_MARGIN = 1.1
"""Images of one size and quality have always had the same number of tokens; a tenth more is allowed for."""
UNCAPPED = 128_000
"""Output tokens of a request that names no cap: the most that any of the models writes."""


def most_usage(call: Call) -> Usage:
    """The upper bound of one request's tokens."""
    if call.endpoint is Endpoint.IMAGES:
        made = round(image_tokens(str(call.body["quality"]), str(call.body["size"])) * IMAGE_MARGIN)
        return Usage(input=len(call.body["prompt"].encode()) + OVERHEAD, output=made, output_image=made)
    text, images = text_and_image_tokens(call)
    return Usage(
        input=len(text.encode()) + 2 * images + OVERHEAD, output=int(call.body.get("max_completion_tokens", UNCAPPED))
    )
