"""Which batches may be submitted now: the provider enqueues only so many tokens of a model at a time.

Invariant: pure; and never stuck: with nothing of a model under way, its next batch is let in whatever its size.
"""

from collections.abc import Iterable
from datetime import timedelta

from pressrun.sharding import Limits, Shard

__all__ = ["admitted", "refusal_pause"]

LONGEST_PAUSE = timedelta(minutes=30)


def admitted(waiting: Iterable[Shard], under_way: Iterable[Shard], limits: Limits) -> list[Shard]:
    """The shards, in their order, that fit beside those under way."""
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
    """How long to wait after the queue was full `refusals` times in a row (1 or more): `first`, then twice as long.

    Refused batches are reported to count against the queue for a while, so trying at once is of no use.
    """
    return min(first * (1 << min(refusals - 1, 20)), LONGEST_PAUSE)
