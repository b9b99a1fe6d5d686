"""What a flow run remembers."""

from itertools import count

import pytest
from prefect import flow

from tasks.runs import once_a_run

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("prefect_api")]


def test_a_run_looks_once_for_each_question_and_the_next_run_looks_again() -> None:
    looks = count()

    @once_a_run
    def look(at: str) -> str:
        return f"{at} {next(looks)}"

    @flow
    def asking() -> list[str]:
        return [look("a"), look("a"), look("b")]

    assert asking() == ["a 0", "a 0", "b 1"]
    assert asking() == ["a 2", "a 2", "b 3"]


def test_outside_of_a_run_it_looks_each_time() -> None:
    looks = count()
    look = once_a_run(lambda: next(looks))
    assert [look(), look()] == [0, 1]
