"""What is going on, told to whoever listens (the terminal); nobody listening costs nothing.

Invariant: telling never fails the work that is told about: events are plain values, and listeners only draw.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from pressrun.calls import Answer, Call, Frozen, StepName
from pressrun.strategy import StepRoute

__all__ = ["BatchSeen", "CallDone", "Event", "Note", "RoutesChosen", "StepStarted", "listening", "tell"]


class RoutesChosen(Frozen):
    """The strategy has been resolved."""

    routes: list[StepRoute]
    simulated: bool


class StepStarted(Frozen):
    """A step's calls are known and on their way."""

    step: StepName
    items: int
    """What is asked for; a packed call asks for several."""


class CallDone(Frozen):
    """One call has its answer (or its failure); `reused` when it was paid for earlier."""

    call: Call
    answer: Answer
    reused: bool


class BatchSeen(Frozen):
    """A poll saw a batch. `completed` and `failed` count lines of `total`; at 0 of 0 they are not known yet."""

    batch_id: str
    status: str
    completed: int
    failed: int
    total: int
    deadline: datetime
    expected: datetime | None = None
    """When the last line should be done, at the pace so far."""


class Note(Frozen):
    """Something that a person should know: a repair, a downgrade, a batch given up."""

    text: str


Event = RoutesChosen | StepStarted | CallDone | BatchSeen | Note

_listeners: list[Callable[[Event], None]] = []


def tell(event: Event) -> None:
    """Pass an event to the listeners of this process, in the caller's thread."""
    for listener in tuple(_listeners):
        listener(event)


@contextmanager
def listening(listener: Callable[[Event], None]) -> Iterator[None]:
    """Have `listener` called with every event until the block ends; it must be safe to call from any thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
