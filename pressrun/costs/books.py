"""The books of one run: what it enters in the ledger, and what it may commit to under its cap.

Invariant: a call is committed to, at the most that it can cost, before it is sent; the commitment ends when what it did
cost is in the ledger. So billed and in flight together never exceed the cap, whatever is killed and restarted.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from threading import Lock

from pressrun.calls import Answer, Call, Frozen
from pressrun.costs.ledger import CallEstimate, CallStatus, LedgerRow, Origin, ledger_row
from pressrun.costs.ledgerfile import Commitment, LedgerFile, OverCap
from pressrun.costs.most import most_usage
from pressrun.costs.shardfile import ShardFile
from pressrun.prices import PriceTable, Tier, price
from pressrun.sharding import Shard

__all__ = ["Books"]

LOOK_AGAIN = 0.2
"""Seconds between looks at whether a call that is under way has made room."""


class Books(Frozen):
    """Where one run of a site enters its calls, and the cap that they are held to."""

    path: Path
    """The ledger file."""
    budget: str
    """What all spending on the same order counts against, whichever run does it."""
    origin: Origin
    cap: Decimal | None = None
    """USD; None means that there is none."""
    table: PriceTable | None = None
    """The user's own prices."""

    @property
    def file(self) -> LedgerFile:
        return _ledger_file(self.path)

    @property
    def shards(self) -> ShardFile:
        return _shard_file(self.path)

    def enter(self, call: Call, answer: Answer, estimate: CallEstimate, *, settles: str | None = None) -> LedgerRow:
        """Enter one answer, which ends the commitment that it `settles`; entering it again changes nothing."""
        row = self._row(call, answer, estimate)
        self.file.enter([row], budget=self.budget, settles=settles)
        return row

    def enter_all(
        self, calls: Mapping[str, Call], answers: Sequence[Answer], estimates: Mapping[str, CallEstimate]
    ) -> None:
        """Enter the answers of a batch in one go."""
        rows = [self._row(calls[answer.call_id], answer, estimates[answer.call_id]) for answer in answers]
        self.file.enter(rows, budget=self.budget)

    def _row(self, call: Call, answer: Answer, estimate: CallEstimate) -> LedgerRow:
        now = datetime.now(UTC)
        return ledger_row(call, answer, valid=True, at=now, origin=self.origin, table=self.table, estimate=estimate)

    def rows(self, calls: Collection[str]) -> list[LedgerRow]:
        """All payments for these calls, whichever run made them; of failures only this run's, as others were mended."""
        rows = self.file.rows(budget=self.budget, calls=calls, run_id=self.origin.run_id)
        return [row for row in rows if row.status is not CallStatus.FAILED or not row.reused]

    def answered(self, calls: Iterable[Call]) -> dict[str, str | None]:
        """Of these calls those that have been paid for: by id, with the batch that answered (None: in real time)."""
        return self.file.answered([call.id for call in calls], budget=self.budget)

    def admitted(self) -> frozenset[str]:
        """The calls that were admitted to a batch, and so belong in that batch's company."""
        return self.file.admitted(budget=self.budget)

    def most_usd(self, call: Call, tier: Tier) -> Decimal:
        """The most that one request can cost at a tier."""
        return price(most_usage(call), call.model, tier, datetime.now(UTC), self.table)

    def commit(self, call: Call, tier: Tier) -> str:
        """Commit to a real-time call; returns the commitment's name, to be settled or lost. Raises `OverCap`.

        When there is no room, but calls of this process are under way that may turn out cheaper than they can be, it
        waits for them first.
        """
        commitment = Commitment(call_id=call.id, usd=self.most_usd(call, tier))
        while True:
            with _under_way_lock:
                try:
                    name = self.file.commit(commitment, budget=self.budget, cap=self.cap)
                except OverCap:
                    if not _under_way[self.budget]:
                        raise
                else:
                    _under_way[self.budget].add(name)
                    return name
            time.sleep(LOOK_AGAIN)

    def settle(self, name: str) -> None:
        """End a commitment whose call is certain not to be billed."""
        self.file.settle(name)
        self.lose(name)

    def lose(self, name: str) -> None:
        """Wait no longer for a call whose answer was lost on the way: it may be billed, so it stays committed to."""
        with _under_way_lock:
            _under_way[self.budget].discard(name)

    def admit(self, calls: Sequence[Call], *, after: str | None = None) -> frozenset[str]:
        """Commit to batched calls as far as the cap allows; see `LedgerFile.admit`."""
        wanted = [Commitment(call_id=call.id, usd=self.most_usd(call, Tier.BATCH)) for call in calls]
        return self.file.admit(wanted, budget=self.budget, cap=self.cap, after=after or "")

    def shards_of(self, calls: Iterable[Call], *, after: str | None = None) -> dict[str, Shard]:
        """The shards that these calls are in already, by call id."""
        return self.shards.of([call.id for call in calls], budget=self.budget, after=after)

    def settle_batch(self, call_ids: Collection[str], *, after: str | None) -> None:
        """End the commitments of a batch's calls: what was answered is entered, and the rest is not billed."""
        self.file.settle_batch(call_ids, budget=self.budget, after=after or "")


_under_way: defaultdict[str, set[str]] = defaultdict(set)
"""Commitments of this process that may still turn out cheaper, by budget."""
_under_way_lock = Lock()


@lru_cache(maxsize=8)
def _ledger_file(path: Path) -> LedgerFile:
    return LedgerFile(path)


@lru_cache(maxsize=8)
def _shard_file(path: Path) -> ShardFile:
    return ShardFile(path)
