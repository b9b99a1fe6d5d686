"""The most that one request can use, which counts against a cap while the request is in flight.

Invariant: no reply uses more than this: a token is at least one byte of the request, and the request itself limits the
output. For images the provider publishes no limit, so the highest observed value plus a margin is used.
"""

from pressrun.calls import Call, Endpoint, Usage
from pressrun.imagetokens import image_tokens
from pressrun.steps.vision import text_and_image_tokens

__all__ = ["most_usage"]

OVERHEAD = 100
"""Input tokens that a provider may add around the messages."""
IMAGE_MARGIN = 1.1
"""Images of one size and quality have always had the same number of tokens; this allows 10 % more."""
UNCAPPED = 128_000
"""Output tokens of a request without a limit: the most that any of the models writes."""


def most_usage(call: Call) -> Usage:
    """The upper bound of one request's tokens."""
    if call.endpoint is Endpoint.IMAGES:
        made = round(image_tokens(str(call.body["quality"]), str(call.body["size"])) * IMAGE_MARGIN)
        return Usage(input=len(call.body["prompt"].encode()) + OVERHEAD, output=made, output_image=made)
    text, images = text_and_image_tokens(call)
    return Usage(
        input=len(text.encode()) + 2 * images + OVERHEAD, output=int(call.body.get("max_completion_tokens", UNCAPPED))
    )
