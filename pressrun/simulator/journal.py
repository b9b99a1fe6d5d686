"""The requests to the simulator, for tests that count them.

Invariant: nothing from a header or a body is recorded except the few words that an endpoint passes as `about`, so the
journal never contains a key or the text of a prompt.
"""

import re
import threading
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any

__all__ = ["Journal", "request_name"]

LONGEST = 10_000
"""Requests that are recorded individually; the counts continue."""
IDS = re.compile(r"(?<=/)(?:(?:file|batch)[-_][^/]+|(?<=models/)[^/]+)")


def request_name(method: str, path: str) -> str:
    """The request without ids: `POST /v1/batches/{id}/cancel`."""
    return f"{method} {IDS.sub('{id}', path)}"


class Journal:
    """The requests since the server started, except those to /simulator/."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=LONGEST)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, method: str, path: str, status: int, about: dict[str, str]) -> None:
        """Add one request; `about` says what it was for, such as the model."""
        entry = {"method": method, "path": path, "status": status, "at": datetime.now(UTC).isoformat(), **about}
        with self._lock:
            self._entries.append(entry)
            self._counts[request_name(method, path)] += 1

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def counts(self) -> dict[str, int]:
        """The number of requests by kind, such as `POST /v1/batches/{id}/cancel`."""
        with self._lock:
            return dict(self._counts)
