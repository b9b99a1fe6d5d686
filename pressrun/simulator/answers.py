"""One answer to one request, for both the endpoints and the lines of a batch.

Invariant: a line of a batch always gets a status and a body, because a batch continues when a line fails.
"""

import logging
from collections.abc import Mapping
from typing import Any

from pressrun.simulator.chat import complete_chat
from pressrun.simulator.errors import ApiError
from pressrun.simulator.images import generate_images
from pressrun.simulator.prompt_cache import PromptCache

__all__ = ["CHAT", "IMAGES", "answer", "answer_line"]

CHAT = "/v1/chat/completions"
IMAGES = "/v1/images/generations"

log = logging.getLogger(__name__)


def answer(endpoint: str, body: Mapping[str, Any], cache: PromptCache, *, in_batch: bool = False) -> dict[str, Any]:
    """The body of a successful reply. Raises `ApiError` when the request is refused."""
    if endpoint == IMAGES:
        return generate_images(body)
    return complete_chat(body, cache, in_batch=in_batch)


def answer_line(endpoint: str, body: Mapping[str, Any], cache: PromptCache) -> tuple[int, dict[str, Any]]:
    """HTTP status and body of one line of a batch."""
    try:
        return 200, answer(endpoint, body, cache, in_batch=True)
    except ApiError as error:
        return error.status, error.body
    except Exception:
        log.exception("The simulator failed on a batch line; the line fails with status 500, the batch continues.")
        return 500, ApiError(500, "The server had an error while processing your request.", code="server_error").body
