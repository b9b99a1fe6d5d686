"""The provider of a test: a simulator that is reached as any provider is, over HTTP."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2

from pressrun.calls import Usage
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.prices import Tier, price
from pressrun.settings import Settings

__all__ = ["Server", "billed"]


def billed(item: dict[str, Any]) -> Decimal:
    """USD of one item of the simulator's bill."""
    tier = Tier.BATCH if item["batch"] else Tier.FLEX if item["tier"] == "flex" else Tier.STANDARD
    return price(Usage.from_body(item), item["model"], tier, datetime.now(UTC))


@dataclass(frozen=True)
class Server:
    """The provider of a test."""

    base_url: str

    def journal(self) -> list[dict[str, Any]]:
        """What was asked of it, oldest first."""
        journal: list[dict[str, Any]] = httpx2.get(self.base_url.replace("/v1", "/simulator/journal")).json()
        return journal

    def faults(self, script: dict[str, Any]) -> None:
        """Have things go wrong from now on; see `pressrun.simulator.faults`."""
        httpx2.post(self.base_url.replace("/v1", "/simulator/faults"), json=script).raise_for_status()

    def count(self, path: str) -> int:
        """Requests that cost money or time: POSTs to a path."""
        return sum(entry["method"] == "POST" and entry["path"] == path for entry in self.journal())

    def was_hit(self) -> bool:
        """Whether every fault of the script has struck."""
        return bool(httpx2.get(self.base_url.replace("/v1", "/simulator/faults")).json()["left"] == 0)

    def stats(self) -> dict[str, int]:
        """How often what was asked, as `GET /v1/batches/{id}`."""
        counts: dict[str, int] = httpx2.get(self.base_url.replace("/v1", "/simulator/stats")).json()
        return counts

    def bill(self) -> Decimal:
        """USD that the provider's own bill comes to, at the prices of the day."""
        items = httpx2.get(self.base_url.replace("/v1", "/simulator/bill")).json()
        return sum((billed(item) for item in items), Decimal(0))

    def covered(self) -> Decimal:
        """USD that the ledger has for this provider: entered, or committed to and never settled."""
        ledger = LedgerFile(Settings().ledger_file)
        query = "SELECT DISTINCT budget FROM entries WHERE json_extract(row, '$.provider') = ?"
        with closing(sqlite3.connect(ledger.path)) as database:
            budgets = [budget for (budget,) in database.execute(query, (self.base_url,))]
        return sum((ledger.committed(budget) for budget in budgets), Decimal(0))

    def list_batches(self) -> list[dict[str, Any]]:
        """Batches that exist, however they came to be, newest first."""
        return self._list("batches")

    def batches(self) -> int:
        """How many."""
        return len(self.list_batches())

    def statuses(self) -> list[str]:
        return [batch["status"] for batch in self.list_batches()]

    def files(self) -> list[dict[str, Any]]:
        """Files that exist."""
        return self._list("files")

    def most_batches_at_once(self) -> int:
        """The most that were under way at the same time, to the second."""
        spans = [(batch["created_at"], batch["completed_at"]) for batch in self._list("batches")]
        return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)

    def _list(self, what: str) -> list[dict[str, Any]]:
        answer = httpx2.get(f"{self.base_url}/{what}?limit=100", headers={"Authorization": "Bearer sk-test"})
        data: list[dict[str, Any]] = answer.json()["data"]
        return data

    def posts(self) -> dict[str, int]:
        """Paid or pending work by endpoint."""
        return {
            "chat": self.count("/v1/chat/completions"),
            "images": self.count("/v1/images/generations"),
            "batches": self.count("/v1/batches"),
        }
