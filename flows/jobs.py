"""What is on its way in a merged batch, and which calls get onto it.

Invariant: calls that were admitted together once stay together, whatever else has changed, so that their batch is found
again; and none is admitted that the cap has no room for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from prefect import get_run_logger
from prefect.runtime import flow_run

from flows.desk import Desk, Work
from pressrun.calls import Answer, Call, Route
from pressrun.costs import OverCap
from pressrun.prices import Tier
from pressrun.progress import Note, tell
from pressrun.routes.batch import BatchTicket
from pressrun.sharding import Limits, Shard, shards
from tasks.answers import OVER_CAP, say_over

__all__ = ["Job", "MergedBatch", "cut", "say"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A shard on its way to its answers."""

    shard: Shard
    round: int = 1
    """Which batch this is for its calls, the first being 1."""
    since: datetime | None = None
    """When the first batch for its calls was created: from then the maximum wait counts."""
    ticket: BatchTicket | None = None
    refusals: int = 0
    """How often the provider's queue was full."""
    not_before: datetime | None = None
    """When to try again after that."""


@dataclass
class MergedBatch:
    """The jobs of one merged batch, and the answers so far."""

    desk: Desk
    work: Work
    folder: Path
    limits: Limits
    calls: dict[str, Call]
    waiting: list[Job] = field(default_factory=list)
    under_way: dict[str, Job] = field(default_factory=dict)
    """By batch id."""
    answers: dict[str, Answer] = field(default_factory=dict)
    before_suspending: Callable[[], object] = lambda: None
    """Waits for everything that is under way beside the batch."""


def cut(calls: list[Call], batch: MergedBatch, after: str | None = None) -> list[Shard]:
    """Input files for the calls that the cap has room for; the others are answered with the reason."""
    groups = batch.desk.books.admit(calls, after=after)
    admitted_now = frozenset().union(*groups)
    left_out = [call for call in calls if call.id not in admitted_now]
    if left_out:
        say(f"{len(left_out)} of {len(calls)} calls do not fit under the cap and are not submitted")
    batch.answers |= {call.id: _over_cap(call, batch.desk) for call in left_out}
    return [
        shard
        for group in groups
        for shard in shards([call for call in calls if call.id in group], batch.folder, batch.limits, after=after)
    ]


def _over_cap(call: Call, desk: Desk) -> Answer:
    most, committed = desk.books.most_usd(call, Tier.BATCH), desk.books.file.committed(desk.books.budget)
    assert desk.books.cap is not None
    reason = say_over(OverCap(cap=desk.books.cap, committed=committed, wanted=most))
    return Answer(call_id=call.id, route=Route.BATCH, run_id=flow_run.id, error=reason, code=OVER_CAP)


def say(text: str) -> None:
    """Tell whoever watches the run, and its log."""
    get_run_logger().warning(text)
    tell(Note(text=text))
