"""The middle of a run, without the site around it: calls go in by batch, answers come out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from prefect import flow

from flows.answering import answer_all
from flows.desk import Desk, Work
from pressrun.calls import Answer, Call
from pressrun.manifest import BatchRecord
from pressrun.plan import make_plan
from pressrun.progress import Event, Note, listening
from pressrun.routes.provider import Provider
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy
from tasks.books import books_for
from tests.builders import a_brief
from tests.calls_builder import a_call
from tests.provider import Server

__all__ = ["Outcome", "check_answers", "slug", "some_calls", "through_batch"]


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    calls: list[Call]
    answers: dict[str, Answer]
    batches: list[BatchRecord]
    notes: list[str] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return sum(answer.body is not None for answer in self.answers.values())

    @property
    def routes(self) -> dict[str, int]:
        """How many answers came by which route."""
        served = [answer.route for answer in self.answers.values() if answer.body is not None]
        return {route: served.count(route) for route in sorted(set(served))}


def check_answers(outcome: Outcome) -> None:
    """Check what holds whatever happened: one answer a call, and counts that add up."""
    assert sorted(outcome.answers) == sorted(call.id for call in outcome.calls)
    for batch in outcome.batches:
        assert batch.submitted == batch.answered + batch.failed + batch.unanswered


def slug(*words: str) -> str:
    """A name for the calls of a test."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower())


def some_calls(name: str, count: int = 4) -> list[Call]:
    """Calls that no other test makes: persisted answers outlive a test."""
    return [a_call(f"article-{number:02d}", site=name) for number in range(1, count + 1)]


def through_batch(
    server: Server, calls: list[Call], *, poll: float = 0.05, cap: Decimal | None = None, **strategy: Any
) -> Outcome:
    """Have calls answered by a flow: by batch, and what is left over as the strategy says. Raises as the flow does."""
    chosen = BatchStrategy(**strategy)
    work = Work()

    @flow(name="answer-calls")
    def answer_calls() -> dict[str, Answer]:
        plan = make_plan(a_brief(), chosen, Settings(), datetime.now(UTC))
        provider = Provider(base_url=server.base_url, simulated=True)
        desk = Desk(
            plan=plan,
            books=books_for(plan, provider, cap=cap, fresh=False),
            strategy=chosen,
            provider=provider,
            fresh=False,
            first_poll=poll,
            started=datetime.now(UTC),
        )
        return answer_all(calls, desk, work)

    with _noted() as notes:
        answers = answer_calls()
    return Outcome(calls, answers, work.batches, notes)


@contextmanager
def _noted() -> Iterator[list[str]]:
    notes: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    with listening(listen):
        yield notes
