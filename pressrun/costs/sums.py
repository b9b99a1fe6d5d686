"""Sums of ledger rows, and tables of such sums.

Invariant: a sum of sums equals the sum of their rows exactly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

import pandas as pd

from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.money import share

__all__ = ["Sums", "frame", "together"]

LARGEST = 2**63 - 1


@dataclass
class Sums:
    """The sums of some rows; amounts in USD."""

    calls: int = 0
    failed: int = 0
    invalid: int = 0
    reused: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    usd: Decimal = Decimal(0)
    realtime_usd: Decimal = Decimal(0)
    reused_usd: Decimal = Decimal(0)
    """The part of `usd` that earlier runs paid."""
    invalid_usd: Decimal = Decimal(0)
    """The part of `usd` that was paid for invalid replies."""
    unknown: int = 0
    """Calls whose usage the provider did not report."""
    unknown_usd: Decimal = Decimal(0)
    """The part of `usd` that is the most that those calls can have cost."""

    def add(self, row: LedgerRow) -> None:
        self.calls += 1
        self.failed += row.status is CallStatus.FAILED
        self.input += row.usage.input
        self.cached += row.usage.cached
        self.output += row.usage.output
        self.usd += row.cost_usd
        self.realtime_usd += row.realtime_usd
        if row.status is CallStatus.INVALID:
            self.invalid += 1
            self.invalid_usd += row.cost_usd
        if not row.usage_known:
            self.unknown += 1
            self.unknown_usd += row.cost_usd
        if row.reused:
            self.reused += 1
            self.reused_usd += row.cost_usd


def together(parts: Iterable[Sums]) -> Sums:
    """The sum of sums."""
    total = Sums()
    for part in parts:
        for one in fields(Sums):
            setattr(total, one.name, getattr(total, one.name) + getattr(part, one.name))
    return total


def frame(index: "pd.Index[Any]", sums: Sequence[Sums], columns: Sequence[str]) -> pd.DataFrame:
    """A row for each of `sums`: the `columns` (fields of `Sums`), then saving_usd and saving_percent (Decimal)."""
    table = pd.DataFrame(index=index)
    for name in columns:
        values = [getattr(one, name) for one in sums]
        # Ledgers of earlier versions may have counts that no integer of a database holds.
        is_exact = name.endswith("usd") or max(values, default=0) > LARGEST
        table[name] = pd.Series(values, index=index, dtype=object if is_exact else "int64")
    table["saving_usd"] = pd.Series([one.realtime_usd - one.usd for one in sums], index=index, dtype=object)
    shares = [share(one.realtime_usd - one.usd, one.realtime_usd) for one in sums]
    table["saving_percent"] = pd.Series(shares, index=index, dtype=object)
    return table
