"""What a refusal of an upload or of a creation means.

Invariant: work that the provider has not run is called refused only if the same request would be refused again.
"""

import re

import openai

from pressrun.errors import BatchRejected
from pressrun.reasons import is_transient
from pressrun.routes.batch.view import misses_file
from pressrun.routes.failures import needs_payment, reason_of, say_reason
from pressrun.sharding import Shard

__all__ = ["is_about_file", "is_about_gone_file", "refusal"]

UNREADY_FILE = re.compile(r"not (?:yet |in a |been )*(?:processed|ready|available|visible)|pending|being processed")
"""Words about a file that is still processed, in lower case (Azure: "not in a processed state: pending")."""
GONE = re.compile(r"expired|deleted|no longer (?:available|exists?)")
"""Words about a file that existed, in lower case."""
KEY_REFUSED = (401, 403)
"""Statuses that say nothing about the batch, but something about the key."""


def refusal(error: openai.APIStatusError, shard: Shard) -> Exception:
    """The error of a request that the provider refused: a `BatchRejected`, unless the same request may pass later."""
    if (is_transient(error.status_code) or error.status_code in KEY_REFUSED) and not needs_payment(error):
        return error
    remedy = "Fix the request and run again."
    if needs_payment(error):
        remedy = "Pay the provider's bill or add credit, and run again."
    elif is_about_file(error):
        remedy = "Run again, which uploads its input file anew."
    return BatchRejected(
        f"The provider refused the batch of {shard.title}: {say_reason(error).rstrip('.')}. None of it ran or was "
        f"billed. Answers already paid for are kept. {remedy}"
    )


def is_about_file(error: openai.APIStatusError) -> bool:
    """Whether the provider does not find the upload, or not yet: the same creation is accepted a little later."""
    said = reason_of(error)
    words = f"{said.code} {said.message}".lower()
    is_unready = "file" in words and UNREADY_FILE.search(words) is not None
    # A limit may be one of "pending batch files".
    return error.status_code != 429 and (misses_file(said, error.param) or is_unready)


def is_about_gone_file(error: openai.APIStatusError) -> bool:
    """Whether the provider says that a file existed and is gone, or that there is none."""
    said = reason_of(error)
    return misses_file(said, error.param) or GONE.search((said.message or "").lower()) is not None
