"""What to do after each poll of a batch: pure decisions, shared by every waiting loop.

Invariant: a decision depends on the poll's result and the given time, never on a clock or on how long this process has
run: the deadline counts from the batch's creation. A failed poll says nothing about the batch.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import random

import openai

from pressrun.routes.batch.view import BatchView
from pressrun.routes.failures import LONGEST_WAIT, say_failure, told_wait

__all__ = ["BatchWatch", "Decision", "Move", "expected_finish"]

CANCEL_GRACE = timedelta(minutes=15)
"""A cancelled batch may stay `cancelling` for up to ten minutes, according to "Cancel batch" in OpenAI's API reference
(platform.openai.com/docs/api-reference/batch/cancel); after this time, whatever exists is harvested."""
OUTPUT_GRACE = timedelta(minutes=10)
"""How long the files of an ended batch may lag behind its status; after this time, whatever exists is read."""
LOST_AFTER = timedelta(minutes=2)
"""How long a batch may be unknown (404) before it counts as lost; right after its creation it may not be visible."""
GROWTH = 1.5
JITTER = 0.2
"""Share by which intervals vary, so that runs that began together do not poll together."""


class Move(StrEnum):
    """What to do next."""

    WAIT = "wait"
    CANCEL = "cancel"
    """Ask the provider to cancel it, and keep waiting."""
    HARVEST = "harvest"
    """It has ended; read the results."""
    STOP = "stop"
    """Waiting longer is pointless, and nothing may be submitted instead: a person is needed."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The next move, the pause before the next poll, and a message."""

    move: Move
    pause: timedelta = timedelta(0)
    text: str | None = None


@dataclass(kw_only=True)
class BatchWatch:
    """Watches one batch. `first` and `longest` bound the poll intervals, which grow by half each time."""

    deadline: datetime
    """Creation plus the maximum wait."""
    first: timedelta
    longest: timedelta
    jitter: float | None = None
    """A fixed share of `JITTER` from 0 to 1, for tests; None means a random one each time."""
    polls: int = 0
    failed_polls: int = 0
    """Consecutive."""
    all_failed_polls: int = 0
    lost_since: datetime | None = None
    ended_since: datetime | None = None
    cancelled_since: datetime | None = None

    def on_status(self, view: BatchView, now: datetime) -> Decision:
        """Decide after a successful poll."""
        self.polls += 1
        self.failed_polls = 0
        self.lost_since = None
        if view.is_terminal:
            return self._on_end(view, now)
        if now < self.deadline:
            return self._wait(now)
        return self._after_the_deadline(view, now)

    def on_error(self, error: Exception, now: datetime) -> Decision:
        """Decide after a failed poll; the batch itself keeps running."""
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return self._stop(f"the provider refuses the key (HTTP {error.status_code})")
        self.failed_polls += 1
        self.all_failed_polls += 1
        if now > self.deadline + CANCEL_GRACE:
            return self._stop(f"the maximum wait is over and the last {self.failed_polls} polls failed")
        said = say_failure(error) if isinstance(error, openai.OpenAIError) else str(error).rstrip(".")
        why = f"{said}; {self.all_failed_polls} in total"
        text = f"failed poll {self.failed_polls} in a row ({why}); the batch keeps running"
        move = Move.WAIT
        if now >= self.deadline and self.cancelled_since is None:
            self.cancelled_since = now
            move, text = Move.CANCEL, f"{text}, and has reached the maximum wait; cancelling it"
        told = told_wait(error, now) if isinstance(error, openai.APIStatusError) else None
        return self._wait(now, move=move, text=text, least=timedelta(seconds=min(told or 0.0, LONGEST_WAIT)))

    def on_absence(self, now: datetime) -> Decision:
        """Decide after a poll that found no such batch (404)."""
        self.lost_since = self.lost_since or now
        if now - self.lost_since < LOST_AFTER:
            return self._wait(now, text="the provider does not find it (404); trying again")
        return self._stop(
            "the provider no longer finds it (HTTP 404). Nothing was submitted instead. Check that the key belongs to "
            "the project that created it; if it is really gone, use --fresh to pay for the work again"
        )

    def _on_end(self, view: BatchView, now: datetime) -> Decision:
        if view.is_refused or view.is_whole:
            return Decision(move=Move.HARVEST)
        self.ended_since = self.ended_since or now
        if now - self.ended_since >= OUTPUT_GRACE:
            return Decision(move=Move.HARVEST, text="some of its files are still missing; reading the others")
        return self._wait(now, text=f"{view.status}; waiting for its files")

    def _after_the_deadline(self, view: BatchView, now: datetime) -> Decision:
        if self.cancelled_since is None and view.status == "cancelling":
            self.cancelled_since = min(view.cancelling_at or now, now)
        if self.cancelled_since is None:
            self.cancelled_since = now
            self.polls = 0
            text = f"it has reached the maximum wait with {view.completed} answers; cancelling it and keeping these"
            return self._wait(now, move=Move.CANCEL, text=text)
        if now - self.cancelled_since > CANCEL_GRACE:
            text = (
                f"it was cancelled but is still {view.status}; continuing without it, although it may still be billed"
            )
            return Decision(move=Move.HARVEST, text=text)
        # A repeated request is harmless, and the first one may have been lost.
        return self._wait(now, move=Move.WAIT if view.status == "cancelling" else Move.CANCEL)

    def _wait(
        self, now: datetime, *, move: Move = Move.WAIT, text: str | None = None, least: timedelta = timedelta(0)
    ) -> Decision:
        """Intervals grow, vary a little, and never extend past the deadline; `least` is what the provider asks for."""
        looks = self.polls + self.failed_polls
        pause = min(self.first * GROWTH ** min(max(looks - 1, 0), 40), self.longest)
        pause *= 1 - JITTER * (random() if self.jitter is None else self.jitter)
        pause = max(pause, least)
        if now < self.deadline:
            pause = min(pause, self.deadline - now)
        return Decision(move=move, pause=pause, text=text)

    @staticmethod
    def _stop(why: str) -> Decision:
        return Decision(move=Move.STOP, text=why)


def expected_finish(view: BatchView, now: datetime) -> datetime | None:
    """When the last line should be done at the current pace; None while it cannot be estimated.

    The batch may end later: `finalizing` takes from seconds to hours, which no count predicts.
    """
    if view.status != "in_progress" or view.started_at is None or not 0 < view.done < view.total:
        return None
    return now + (now - view.started_at) / view.done * (view.total - view.done)
