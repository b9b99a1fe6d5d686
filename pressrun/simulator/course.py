"""What to do next for a batch.

Invariant: `decide` depends only on the batch and the time, so the whole lifecycle can be tested without a clock, and a
batch found after a restart is treated like any other.
"""

from dataclasses import dataclass
from enum import Enum, auto

from pressrun.simulator.batches import Batch

__all__ = ["Action", "Decision", "decide"]


class Action(Enum):
    """What the runner can do for a batch."""

    INSPECT = auto()
    """Validate the input file."""
    ENTER = auto()
    """Change to `status`; nothing else happens."""
    EXECUTE = auto()
    """Answer up to `count` further lines."""
    CONCLUDE = auto()
    """Write the files and end as `status`."""
    WAIT = auto()
    """Nothing to do before `until` (Unix seconds)."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    action: Action
    status: str = ""
    count: int = 0
    until: float = 0.0


def decide(batch: Batch, now: float) -> Decision:
    """The next thing to do for a batch that has not ended."""
    early = _before_lines(batch, now) if batch.cancelled is None else None
    if early:
        return early
    if batch.status == "validating":
        return Decision(action=Action.ENTER, status="in_progress")
    count = min(batch.timeline.due_count(now, batch.total), batch.meant) - batch.done
    if count > 0:
        return Decision(action=Action.EXECUTE, count=count)
    return _end(batch, now)


def _before_lines(batch: Batch, now: float) -> Decision | None:
    """What blocks the lines or the end of a batch that was not cancelled."""
    if not batch.inspected:
        return Decision(action=Action.INSPECT)
    if now < batch.timeline.starts:
        return _wait(min(batch.timeline.starts, batch.expires), now) or _conclude("expired")
    if batch.problems:
        return _conclude("failed")
    if batch.status == batch.fault.stuck:
        return _wait(batch.expires, now) or _conclude("expired")
    return None


def _end(batch: Batch, now: float) -> Decision:
    """The next move towards the final state of a batch without a line that is due."""
    times = batch.timeline
    if times.cancels is not None:
        return _wait(times.cancels, now) or _conclude("cancelled")
    if batch.fault.end and batch.done >= batch.meant:
        return _end_at_share(batch, batch.fault.end, now)
    if batch.done < batch.total:
        next_line = min(times.expires, times.due(batch.done, batch.total))
        return Decision(action=Action.WAIT, until=next_line) if now < times.expires else _conclude("expired")
    if batch.status != "finalizing":
        return Decision(action=Action.ENTER, status="finalizing")
    return _wait(times.completes, now) or _conclude("completed")


def _end_at_share(batch: Batch, end: str, now: float) -> Decision:
    if end == "never":
        return _wait(batch.expires, now) or _conclude("expired")
    return _conclude(end)


def _wait(until: float, now: float) -> Decision | None:
    return Decision(action=Action.WAIT, until=until) if now < until else None


def _conclude(status: str) -> Decision:
    return Decision(action=Action.CONCLUDE, status=status)
