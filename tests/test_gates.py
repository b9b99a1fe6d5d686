import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.gates import Gate, OnTimeout, Question, question_key, read_question_key

QUESTIONS = st.builds(
    Question, gate=st.sampled_from(Gate), number=st.integers(1, 999), on_timeout=st.sampled_from(OnTimeout)
)


@given(QUESTIONS, st.integers(1, 999))
def test_what_a_run_asks_can_be_read_from_its_key(question: Question, attempt: int) -> None:
    assert read_question_key(question_key(question, attempt)) == question


@given(QUESTIONS, st.integers(1, 999))
def test_a_key_is_what_prefect_takes_for_a_suspension_with_a_form(question: Question, attempt: int) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", question_key(question, attempt))


@given(QUESTIONS)
def test_each_attempt_asks_under_a_key_of_its_own(question: Question) -> None:
    assert question_key(question, 1) != question_key(question, 2)


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "1",
        "batches 2026-11-25T10:00:00Z 1 batch_1",
        "config-0-1-or-fail",
        "config-1",
        "images-1-1-or-fail",
        "config-1-1-or-wait",
        "config-1-1-or-fail\n",
    ],
)
def test_a_run_that_waits_for_something_else_asks_nothing(key: str | None) -> None:
    assert read_question_key(key) is None
