"""The time of simulators, in a test's hands."""

from time import time

import pytest

__all__ = ["Clock", "set_clock"]


class Clock:
    """Stands still until it is moved; `now` is in seconds since 1970."""

    def __init__(self) -> None:
        self.now = time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def set_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Have the simulators of this process go by a clock, and look at it often."""
    for module in ("batches", "files", "runner"):
        monkeypatch.setattr(f"pressrun.simulator.{module}.time", clock)
    monkeypatch.setattr("pressrun.simulator.runner.LONGEST_WAIT", 0.01)
