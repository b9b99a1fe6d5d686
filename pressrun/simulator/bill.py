"""What the simulated provider has served, as its bill would list it: a check on the client's own books.

Invariant: every reply that was made is on the bill once, whether or not it reached anybody. It is gone with the server.
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
        """Put one good reply on the bill, with its usage as the client was told it."""
        item = {"model": model, "batch": batch, "tier": reply.get("service_tier"), "usage": reply.get("usage")}
        with self._lock:
            self._items.append(item)

    def items(self) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._lock:
            return list(self._items)
