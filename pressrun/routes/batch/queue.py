"""Which batches can be submitted now, as the provider limits the enqueued tokens per model.

Invariant: pure, and never stuck: when a model has no batch in progress, its next batch is admitted whatever its size.
"""

from collections.abc import Iterable
from datetime import timedelta

from pressrun.sharding import Limits, Shard

__all__ = ["admitted", "refusal_pause"]

LONGEST_PAUSE = timedelta(minutes=30)


def admitted(waiting: Iterable[Shard], under_way: Iterable[Shard], limits: Limits) -> list[Shard]:
    """The shards, in order, that fit in addition to those in progress."""
    enqueued: dict[str, int] = {}
    for shard in under_way:
        enqueued[shard.model] = enqueued.get(shard.model, 0) + shard.tokens
    chosen = []
    for shard in waiting:
        limit = limits.queue(shard.model)
        used = enqueued.get(shard.model)
        if limit is None or used is None or used + shard.tokens <= limit:
            chosen.append(shard)
            enqueued[shard.model] = (used or 0) + shard.tokens
    return chosen


def refusal_pause(refusals: int, first: timedelta) -> timedelta:
    """How long to wait after the queue was full `refusals` times in a row (1 or more): `first`, then doubling.

    Refused batches reportedly count against the queue for a while (openai-python issue 2084), so an immediate retry is
    of no use.
    """
    return min(first * (1 << min(refusals - 1, 20)), LONGEST_PAUSE)
