"""What a flow run remembers, and what it hands to its tasks."""

from collections.abc import Iterator
from itertools import count

import pytest
from prefect import flow, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from tasks.quoting import quoted
from tasks.runs import once_a_run, untagged_tasks

pytestmark = pytest.mark.usefixtures("prefect_api")


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


def test_the_tags_of_a_run_are_kept_from_its_tasks() -> None:
    @task
    def tags_of_task() -> list[str]:
        return list(task_run.tags)

    @flow
    def tagged() -> tuple[list[str], list[str]]:
        with_tags = tags_of_task()
        with untagged_tasks():
            return with_tags, tags_of_task()

    with tags("site:north"):
        assert tagged() == (["site:north"], [])


class Watched(list[int]):
    """Tells how often it was gone through."""

    looks = 0

    def __iter__(self) -> Iterator[int]:
        self.looks += 1
        return super().__iter__()


def test_what_is_quoted_is_handed_over_as_it_is_and_not_searched() -> None:
    @task(cache_policy=NO_CACHE)
    def take(value: Watched) -> int:
        return id(value)

    watched = Watched([1, 2, 3])

    @flow
    def handing() -> int:
        return take(quoted(watched))

    assert handing() == id(watched)
    assert watched.looks == 0
