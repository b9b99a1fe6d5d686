"""The schedule of a batch.

Invariant: the whole lifecycle of a batch follows from times fixed at its creation, plus the time of a cancellation. So
a restarted server continues where the batch would be by now, and a test needs no clock.
"""

from dataclasses import dataclass
from math import floor

__all__ = ["ROUNDING", "Timeline"]

VALIDATED, EXECUTED = 0.1, 0.9
"""Shares of a batch's time at which validation ends, and at which its last line is done."""
ROUNDING = 1e-6
"""Lines; ensures that a line counts as done exactly at the time that `due` returns for it."""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Times are Unix seconds; `seconds` is the batch's total duration."""

    created: float
    seconds: float
    expires: float
    cancelled: float | None = None
    """When its cancellation was requested."""

    @property
    def starts(self) -> float:
        return self.created + VALIDATED * self.seconds

    @property
    def completes(self) -> float:
        return self.created + self.seconds

    @property
    def cancels(self) -> float | None:
        """When `cancelling` becomes `cancelled`: as long after the request as validation takes."""
        return None if self.cancelled is None else self.cancelled + VALIDATED * self.seconds

    @property
    def ends_early(self) -> float:
        """From then on no further line is started."""
        return self.expires if self.cancelled is None else min(self.expires, self.cancelled)

    def due(self, position: int, total: int) -> float:
        """When the line at `position` (0 is the first to be done) of `total` is done."""
        return self.starts + (EXECUTED - VALIDATED) * self.seconds * (position + 1) / total

    def due_count(self, now: float, total: int) -> int:
        """How many lines are done by `now`, had the server never been slow or stopped."""
        span = (EXECUTED - VALIDATED) * self.seconds
        elapsed = min(now, self.ends_early) - self.starts
        if elapsed < 0:
            return 0
        return min(total, floor(elapsed / span * total + ROUNDING)) if span else total
