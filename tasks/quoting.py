"""Handing a task what holds no future of another task."""

from typing import TypeVar, cast

from prefect.utilities.annotations import quote

__all__ = ["quoted"]

T = TypeVar("T")


def quoted(value: T) -> T:
    """`value` for a task, as it is: Prefect goes through all other parameters twice, down to the last string.

    Of a fleet's batch that is thousands of call ids for each task, and for each site.
    """
    return cast(T, quote(value))
