"""The jobs of a merged batch, and which calls go into it.

Invariant: calls that were put into a shard stay in it, whatever else changes and whichever run orders them, so that
their batch is found again; and no call goes into a shard if its site's cap has no room for it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.desk import Sending
from pressrun.calls import Answer, Call, Route
from pressrun.costs.books import Books
from pressrun.costs.ledger import CallEstimate
from pressrun.costs.ledgerfile import LedgerFile, OverCap
from pressrun.costs.shardfile import ShardFile
from pressrun.manifest import BatchRecord
from pressrun.prices import Tier
from pressrun.routes.batch import BatchTicket
from pressrun.settings import current_settings
from pressrun.sharding import Limits, Shard, shards
from tasks.alerts import alert_of_budget
from tasks.answers import OVER_CAP, say_over
from tasks.runs import paying_run

__all__ = ["Cut", "Job", "MergedBatch", "Own", "cut", "over_cap", "withdraw"]

KEPT_FILES = timedelta(days=31)
"""How long input files are kept here: a day longer than the provider keeps their batches' results."""

Sites = Callable[[], Iterable[tuple[Books, Sequence[Call]]]]
"""Yields the calls of each site with its books each time it is called, with one site in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A shard, from submission to its answers."""

    shard: Shard
    round: int = 1
    """Which batch this is for its calls, the first being 1."""
    since: datetime | None = None
    """When the first batch for its calls was created; the maximum wait counts from then."""
    ticket: BatchTicket | None = None
    refusals: int = 0
    """How often the provider's queue was full."""
    not_before: datetime | None = None
    """When to try again after a refusal."""


@dataclass(frozen=True)
class Own:
    """The calls that a run needs for itself, and where their cost is recorded."""

    calls: dict[str, Call]
    books: Books
    estimates: dict[str, CallEstimate]


@dataclass
class MergedBatch:
    """The jobs of one merged batch, and the answers so far."""

    sending: Sending
    limits: Limits
    own: Own | None = None
    """None for a fleet, whose sites' runs collect their own answers."""
    waiting: list[Job] = field(default_factory=list)
    under_way: dict[str, Job] = field(default_factory=dict)
    """By batch id."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """To the run's own calls."""
    records: list[BatchRecord] = field(default_factory=list)
    before_suspending: Callable[[], object] = lambda: None
    """Waits for everything in flight besides the batch."""


@dataclass(frozen=True)
class Cut:
    """How calls for the batch were divided."""

    shards: list[Shard]
    left_out: list[tuple[Books, Call]]
    """Calls for which their site's cap has no room."""


def cut(sites: Sites, limits: Limits, after: str | None = None) -> Cut:
    """The existing shards of the calls, and as few new ones as the limits allow for the others."""
    records = ShardFile(current_settings().ledger_file)
    records.forget_files(older_than=KEPT_FILES)
    with TemporaryDirectory(dir=records.folder) as folder:
        while True:
            known: dict[str, Shard] = {}
            budgets: dict[str, str] = {}
            left_out: list[tuple[Books, Call]] = []
            free = _free(sites, after, known, budgets, left_out)
            recorded = records.record(shards(free, Path(folder), limits, after=after), budgets)
            # None when another process has just put one of the calls into a shard, which is found in the next pass.
            if recorded is not None:
                return Cut([*known.values(), *recorded], left_out)


def _free(
    sites: Sites,
    after: str | None,
    known: dict[str, Shard],
    budgets: dict[str, str],
    left_out: list[tuple[Books, Call]],
) -> Iterator[Call]:
    """The calls that need a shard; records their budgets, the shards of the others, and what no cap has room for."""
    for books, calls in sites():
        in_shards = books.shards_of(calls, after=after)
        known.update({shard.record: shard for shard in in_shards.values()})
        free = [call for call in calls if call.id not in in_shards]
        fitting = books.admit(free, after=after) if free else frozenset()
        if fitting:
            alert_of_budget(books, free[0].site)
        left_out += [(books, call) for call in free if call.id not in fitting]
        for call in free:
            if call.id in fitting:
                budgets[call.id] = books.budget
                yield call


def over_cap(books: Books, call: Call) -> Answer:
    """The answer to a call that was left out."""
    most, committed = books.most_usd(call, Tier.BATCH), books.file.committed(books.budget)
    assert books.cap is not None
    reason = say_over(OverCap(cap=books.cap, committed=committed, wanted=most))
    return Answer(call_id=call.id, route=Route.BATCH, run_id=paying_run(), error=reason, code=OVER_CAP)


def withdraw(shard: Shard) -> None:
    """Release the calls of a shard whose batch did not run and never will, so that they can go into another batch."""
    path = current_settings().ledger_file
    ledger = LedgerFile(path)
    for budget, call_ids in ShardFile(path).drop(shard).items():
        ledger.settle_batch(call_ids, budget=budget, after=shard.after or "", withdrawn=True)
