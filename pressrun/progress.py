"""Progress events for listeners such as the terminal; without listeners they cost nothing.

Invariant: events never fail the work that they report: they are plain values, and listeners only draw. No text in them
can steer a terminal.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from pressrun.calls import Answer, Call, Foreign, StepName
from pressrun.frozen import Frozen
from pressrun.strategy import StepRoute

__all__ = ["BatchSeen", "CallDone", "Event", "Note", "RoutesChosen", "StepStarted", "listening", "tell"]


class RoutesChosen(Frozen):
    """The strategy has been resolved."""

    routes: list[StepRoute]
    simulated: bool


class StepStarted(Frozen):
    """A step's calls are known and have started."""

    step: StepName
    items: int
    """Requested items; a packed call requests several."""


class CallDone(Frozen):
    """One call has its answer (or its failure); `reused` when it was paid for earlier."""

    call: Call
    answer: Answer
    reused: bool


class BatchSeen(Frozen):
    """The result of a poll. `completed` and `failed` count lines of `total`; 0 of 0 means not known yet."""

    batch_id: Foreign
    status: Foreign
    completed: int
    failed: int
    total: int
    deadline: datetime
    expected: datetime | None = None
    """When the last line should be done at the current pace."""


class Note(Frozen):
    """Something that a person should know: a repair, a fallback, an abandoned batch."""

    text: Foreign


Event = RoutesChosen | StepStarted | CallDone | BatchSeen | Note

_listeners: list[Callable[[Event], None]] = []


def tell(event: Event) -> None:
    """Pass an event to the listeners of this process, in the caller's thread."""
    for listener in tuple(_listeners):
        listener(event)


@contextmanager
def listening(listener: Callable[[Event], None]) -> Iterator[None]:
    """Call `listener` with every event until the block ends; it must be thread-safe."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
