"""For each test a simulator that is reached as any provider is: over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pressrun.simulator import running_simulator


@dataclass(frozen=True)
class Server:
    """The provider of a test."""

    base_url: str

    def journal(self) -> list[dict[str, Any]]:
        """What was asked of it, oldest first."""
        journal: list[dict[str, Any]] = httpx2.get(self.base_url.replace("/v1", "/simulator/journal")).json()
        return journal

    def count(self, path: str) -> int:
        """Requests that cost money or time: POSTs to a path."""
        return sum(entry["method"] == "POST" and entry["path"] == path for entry in self.journal())

    def posts(self) -> dict[str, int]:
        """Paid or pending work by endpoint."""
        return {
            "chat": self.count("/v1/chat/completions"),
            "images": self.count("/v1/images/generations"),
            "batches": self.count("/v1/batches"),
        }


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A simulator; `@pytest.mark.parametrize("server", [seconds], indirect=True)` says how long its batches take."""
    seconds = getattr(request, "param", 0.5)
    with running_simulator(tmp_path / "provider", batch_seconds=seconds) as base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield Server(base_url)
