"""The accounts of one run: what it records in the ledger, and what it may commit under its cap.

Invariant: before a call is sent, its highest possible cost is committed; the commitment ends when its actual cost is in
the ledger. So spent plus in-flight cost never exceeds the cap, whatever is killed and restarted.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from threading import Lock

from pressrun.calls import Answer, Call
from pressrun.costs.ledger import CallEstimate, CallStatus, LedgerRow, Origin, ledger_row
from pressrun.costs.ledgerfile import Commitment, LedgerFile, OverCap
from pressrun.costs.most import most_usage
from pressrun.costs.shardfile import ShardFile
from pressrun.frozen import Frozen
from pressrun.prices import AT_OPENAI, Tariff, Tier, price
from pressrun.sharding import Shard

__all__ = ["Books"]

LOOK_AGAIN = 0.2
"""Seconds between checks whether a call in flight has freed part of the cap."""


class Books(Frozen):
    """Where one run of a site records its calls, and the cap that limits them."""

    path: Path
    """The ledger file."""
    budget: str
    """What all spending on the same order counts against, whichever run spends it."""
    origin: Origin
    cap: Decimal | None = None
    """USD; None means no cap."""
    tariff: Tariff = AT_OPENAI
    """The prices where the calls are served."""

    @property
    def file(self) -> LedgerFile:
        return _ledger_file(self.path)

    @property
    def shards(self) -> ShardFile:
        return _shard_file(self.path)

    def enter(self, call: Call, answer: Answer, estimate: CallEstimate, *, settles: str | None = None) -> LedgerRow:
        """Record one answer, which ends the commitment that it `settles`; recording it again changes nothing."""
        row = self._row(call, answer, estimate)
        self.file.enter([row], budget=self.budget, settles=settles)
        return row

    def enter_all(
        self, calls: Mapping[str, Call], answers: Sequence[Answer], estimates: Mapping[str, CallEstimate]
    ) -> None:
        """Record the answers of a batch in one transaction."""
        rows = [self._row(calls[answer.call_id], answer, estimates[answer.call_id]) for answer in answers]
        self.file.enter(rows, budget=self.budget)

    def _row(self, call: Call, answer: Answer, estimate: CallEstimate) -> LedgerRow:
        now = datetime.now(UTC)
        if not answer.usage_is_known:
            # Unknown is not zero: it counts at the most that the request can have used.
            answer = answer.model_copy(update={"usage": answer.usage.at_least(most_usage(call))})
        return ledger_row(call, answer, valid=True, at=now, origin=self.origin, tariff=self.tariff, estimate=estimate)

    def rows(self, calls: Collection[str]) -> list[LedgerRow]:
        """All payments for these calls, whichever run made them, and this run's failures; earlier ones were retried."""
        rows = self.file.rows(budget=self.budget, calls=calls, run_id=self.origin.run_id)
        return [row for row in rows if row.status is not CallStatus.FAILED or not row.reused]

    def answered(self, calls: Iterable[Call]) -> dict[str, str | None]:
        """The paid calls among these, by id, with the batch that answered each (None: real time)."""
        return self.file.answered([call.id for call in calls], budget=self.budget)

    def admitted(self) -> frozenset[str]:
        """The calls that were admitted to a batch and must stay in it."""
        return self.file.admitted(budget=self.budget)

    def most_usd(self, call: Call, tier: Tier) -> Decimal:
        """The highest possible cost of one request at a tier."""
        return price(most_usage(call), call.model, tier, datetime.now(UTC), self.tariff)

    def commit(self, call: Call, tier: Tier) -> str:
        """Commit to a real-time call; returns the commitment's name, to be settled or lost. Raises `OverCap`.

        When the cap has no room but calls of this process are still in flight, it first waits for them, as they may
        cost less than was committed.
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
        """End a commitment whose call will certainly not be billed."""
        self.file.settle(name)
        self.lose(name)

    def lose(self, name: str) -> None:
        """Stop waiting for a call whose answer was lost: it may be billed, so its commitment stays."""
        with _under_way_lock:
            _under_way[self.budget].discard(name)

    def admit(self, calls: Sequence[Call], *, after: str | None = None) -> frozenset[str]:
        """Commit to as many batched calls as the cap allows; see `LedgerFile.admit`."""
        wanted = [Commitment(call_id=call.id, usd=self.most_usd(call, Tier.BATCH)) for call in calls]
        return self.file.admit(wanted, budget=self.budget, cap=self.cap, after=after or "")

    def shards_of(self, calls: Iterable[Call], *, after: str | None = None) -> dict[str, Shard]:
        """The shards that already contain these calls, by call id."""
        return self.shards.of([call.id for call in calls], budget=self.budget, after=after)

    def settle_batch(self, call_ids: Collection[str], *, after: str | None) -> None:
        """End the commitments of a batch's calls: the answered ones are recorded, and the rest are not billed."""
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
