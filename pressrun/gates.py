"""The gates at which a run asks for approval: what it asks, and what happens when nobody answers.

Invariant: all of this is in the key under which the run is suspended, so answering needs no state of its own.
"""

import re
from enum import StrEnum

from pressrun.frozen import Frozen

__all__ = ["Gate", "OnTimeout", "Question", "question_key", "read_question_key"]

KEY = re.compile(r"(?P<gate>config|delivery)-(?P<number>[1-9]\d*)-\d+-or-(?P<on_timeout>fail|approve)", re.ASCII)
"""For a suspension with a form, Prefect accepts lower case, digits and dashes."""


class Gate(StrEnum):
    """Where a run can ask for approval."""

    CONFIG = "config"
    """After step 08, before anything else starts."""
    DELIVERY = "delivery"
    """When the site is finished, before it is delivered."""


class OnTimeout(StrEnum):
    """What a run does when nobody answers in time."""

    FAIL = "fail"
    APPROVE = "approve"
    """It continues as if approved; the manifest says that nobody decided."""


class Question(Frozen):
    """One request for approval."""

    gate: Gate
    number: int
    """The version of the configuration, or the attempt at the delivery."""
    on_timeout: OnTimeout


def question_key(question: Question, attempt: int) -> str:
    """The suspension key. A retried run is another attempt, because Prefect suspends only once under the same key."""
    return f"{question.gate}-{question.number}-{attempt}-or-{question.on_timeout}"


def read_question_key(key: str | None) -> Question | None:
    """What a suspended run asks, from its key; None when it waits for something else, such as a batch."""
    found = KEY.fullmatch(key or "")
    return Question.model_validate_strings(found.groupdict()) if found else None
