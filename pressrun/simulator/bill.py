"""What the simulated provider has served, as on a bill: a check on the client's ledger.

Invariant: every reply is on the bill once, whether or not it reached the client. The bill is lost with the server.
"""

import threading
from typing import Any

__all__ = ["Bill"]


class Bill:
    """Replies since the server started; safe to use from any thread."""

    def __init__(self) -> None:
        self._items: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def add(self, model: str, reply: dict[str, Any], *, batch: bool) -> None:
        """Put one successful reply on the bill, with the usage as reported to the client."""
        item = {"model": model, "batch": batch, "tier": reply.get("service_tier"), "usage": reply.get("usage")}
        with self._lock:
            self._items.append(item)

    def items(self) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._lock:
            return list(self._items)
