"""Waiting without a process: what a suspended run waits for, and when to resume it.

Invariant: all of this is in the key under which the run is suspended, so resuming runs needs no state of its own.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from pressrun.frozen import Frozen
from pressrun.routes.batch import BatchView

__all__ = ["Wait", "WaitingFor", "all_ids", "is_due", "read_waiting_key", "waiting_key"]

PREFIX = "batches"
FORM = "%Y-%m-%dT%H:%M:%SZ"


class Wait(StrEnum):
    """How a run waits for its batches."""

    POLL = "poll"
    """Its process stays and polls."""
    SUSPEND = "suspend"
    """It is suspended and its process ends; `collect-batches` resumes it."""


class WaitingFor(Frozen):
    """What a suspended run waits for."""

    deadline: datetime
    """When the maximum wait ends and the run is resumed in any case."""
    batch_ids: tuple[str, ...]


def waiting_key(waiting: WaitingFor, number: int) -> str:
    """The suspension key; `number` distinguishes suspensions for the same batches."""
    return f"{PREFIX} {waiting.deadline.astimezone(UTC):{FORM}} {number} {' '.join(sorted(waiting.batch_ids))}"


def read_waiting_key(key: str | None) -> WaitingFor | None:
    """What a suspended run waits for, from its key; None when it waits for something else, such as approval."""
    words = (key or "").split()
    if len(words) < 4 or words[0] != PREFIX:
        return None
    try:
        deadline = datetime.strptime(words[1], FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
    return WaitingFor(deadline=deadline, batch_ids=tuple(words[3:]))


def is_due(waiting: WaitingFor, views: Mapping[str, BatchView], now: datetime) -> bool:
    """Whether to resume a run: any of its batches has ended or is gone, or its maximum wait is over."""
    return now >= waiting.deadline or any(_has_ended(views.get(batch_id)) for batch_id in waiting.batch_ids)


def _has_ended(view: BatchView | None) -> bool:
    """A missing batch counts as ended, because its run has to decide what that means."""
    return view is None or (view.is_terminal and (view.is_whole or view.is_refused))


def all_ids(waiting: Iterable[WaitingFor]) -> list[str]:
    """The id of every awaited batch, once."""
    return sorted({batch_id for one in waiting for batch_id in one.batch_ids})
