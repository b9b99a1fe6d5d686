"""Rate limits: a slot of a Prefect global concurrency limit for each image and for each batch.

Invariant: all runs of a Prefect server share the limits, and nothing is limited unless `pressrun setup` has created a
limit. The built-in simulator is not limited.
"""

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import rate_limit
from prefect.exceptions import ObjectNotFound

from pressrun.routes.provider import Provider
from tasks.runs import once_a_run

__all__ = ["BATCHES", "IMAGES", "keep_pace"]

IMAGES = "pressrun-images-a-minute"
BATCHES = "pressrun-batches-an-hour"


def keep_pace(limit: str, provider: Provider) -> None:
    """Wait for a slot of `limit`; returns at once if there was no such limit when the run first asked."""
    if not provider.built_in and _exists(limit):
        rate_limit(limit)


@once_a_run
def _exists(limit: str) -> bool:
    """Checked first, because `rate_limit` logs a warning in every run when the limit does not exist."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(limit)
        except ObjectNotFound:
            return False
    return True
