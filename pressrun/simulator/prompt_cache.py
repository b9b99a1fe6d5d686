"""Prefix caching of prompts, as OpenAI does it: from 1,024 tokens on, in steps of 128, by model.

Invariant: tokens count as cached only when this very process has seen the same beginning for the same model within
the last half hour.
"""

import threading
from dataclasses import dataclass, field
from time import monotonic

from pressrun.simulator.tokens import prefix_digests

__all__ = ["PromptCache"]

FIRST = 1024
STEP = 128
LIFETIME = 1800.0
"""Seconds; OpenAI's documented default for gpt-5.6 and later."""
CAPACITY = 200_000
"""Prefixes remembered; the oldest are dropped first, so that a server that runs for weeks stays small."""


@dataclass
class PromptCache:
    """Prefixes of prompts, and when they were last seen."""

    _seen: dict[tuple[str, bytes], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def visit(self, model: str, prompt: str) -> tuple[int, int]:
        """`(cached, written)` tokens of `prompt`, which is remembered from now on."""
        digests = list(prefix_digests(prompt, FIRST, STEP))
        now = monotonic()
        with self._lock:
            fresh = [tokens for tokens, digest in digests if self._is_fresh((model, digest), now)]
            for _, digest in digests:
                self._seen.pop((model, digest), None)
                self._seen[model, digest] = now
            while len(self._seen) > CAPACITY:
                del self._seen[next(iter(self._seen))]
        cached = max(fresh, default=0)
        longest = digests[-1][0] if digests else 0
        return cached, longest - cached

    def _is_fresh(self, key: tuple[str, bytes], now: float) -> bool:
        return key in self._seen and now - self._seen[key] <= LIFETIME
