"""The gates at which a run asks a person: what it asks there, and what becomes of it when nobody answers.

Invariant: all of it is in the key under which the run is suspended, so whoever answers keeps no state of its own.
"""

import re
from enum import StrEnum

from pressrun.calls import Frozen

__all__ = ["Gate", "OnTimeout", "Question", "question_key", "read_question_key"]

KEY = re.compile(r"(?P<gate>config|delivery)-(?P<number>[1-9]\d*)-\d+-or-(?P<on_timeout>fail|approve)", re.ASCII)
"""Prefect takes lower case, digits and dashes for a suspension that has a form."""


class Gate(StrEnum):
    """Where a run may ask."""

    CONFIG = "config"
    """After step 08, before anything else starts."""
    DELIVERY = "delivery"
    """When the site is made, before it is in its place."""


class OnTimeout(StrEnum):
    """What a run does that nobody has answered in time."""

    FAIL = "fail"
    APPROVE = "approve"
    """It goes on as if somebody had approved; the manifest says that nobody had."""


class Question(Frozen):
    """What a run asks, once."""

    gate: Gate
    number: int
    """Tells one question at a gate from the next: the version of the configuration, the attempt at the delivery."""
    on_timeout: OnTimeout


def question_key(question: Question, attempt: int) -> str:
    """The key to suspend under. A retried run is another attempt: Prefect suspends it only once under the same key."""
    return f"{question.gate}-{question.number}-{attempt}-or-{question.on_timeout}"


def read_question_key(key: str | None) -> Question | None:
    """What a suspended run asks, by its key; None when it waits for something else, such as a batch."""
    found = KEY.fullmatch(key or "")
    return Question.model_validate_strings(found.groupdict()) if found else None
