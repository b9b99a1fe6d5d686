"""Passing a task a value that contains no futures."""

from typing import TypeVar, cast

from prefect.utilities.annotations import quote

__all__ = ["quoted"]

T = TypeVar("T")


def quoted(value: T) -> T:
    """`value` for a task, unvisited: Prefect searches all other parameters twice, down to the last string.

    For a fleet's batch that would be thousands of call ids for each task and each site.
    """
    return cast(T, quote(value))
