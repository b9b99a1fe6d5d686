"""Durations as people write them: `6_hours`, `6h`, `90m`, `1 day`, `2h 30m`, `PT6H`; and as providers do: `1m2.5s`."""

import re
from datetime import timedelta
from math import isnan
from typing import Annotated, Any

import humanize
from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pytimeparse.timeparse import timeparse

__all__ = ["Duration", "parse_duration", "read_seconds", "say_duration", "say_left"]

WITH_UNIT = "P.|[0-9.][ _]*[A-Za-z:]"
"""What every duration contains; a Prefect server checks this before a run exists."""
ISO_8601 = TypeAdapter(timedelta)
MILLISECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:ms|msecs?|milliseconds?)\Z")
LONGEST_WRITTEN = 40
"""Characters of the longest text that is read as a duration with units."""


def parse_duration(value: Any) -> timedelta:
    """Read a positive duration; a bare number is refused because its unit would be a guess. Raises ValueError."""
    duration = value if isinstance(value, timedelta) else _read(value)
    if duration <= timedelta(0):
        raise ValueError("a duration must be greater than 0")
    return duration


def _read(value: Any) -> timedelta:
    text = str(value).strip().replace("_", " ")
    if not isinstance(value, str) or text.replace(".", "", 1).isdigit():
        raise ValueError("a duration needs a unit, such as 6h, 90m, 6_hours or PT6H")
    try:
        if text.startswith("P"):
            return ISO_8601.validate_python(text)
        seconds = timeparse(text.lower())
        return timedelta(seconds=seconds) if seconds is not None else _refuse()
    except (ValidationError, OverflowError):
        return _refuse()


def _refuse() -> timedelta:
    raise ValueError("not a duration such as 6h, 90m, 6_hours or PT6H") from None


def read_seconds(told: str) -> float | None:
    """Seconds of a pause as providers write it: `42`, `0.5`, `1m2.5s`, `26 seconds`, `350ms`; None for other text.

    pytimeparse does not know milliseconds.
    """
    told = told.strip().lower()
    try:
        return None if isnan(float(told)) else float(told)
    except ValueError:
        if len(told) > LONGEST_WRITTEN:
            return None
    milliseconds = MILLISECONDS.search(told)
    if not milliseconds:
        return timeparse(told)
    rest = told[: milliseconds.start()]
    seconds = timeparse(rest) if rest else 0
    return seconds + float(milliseconds[1]) / 1000 if seconds is not None else None


def say_duration(duration: timedelta) -> str:
    """`6 hours`, `1 hour and 30 minutes`; for people."""
    return humanize.precisedelta(duration, minimum_unit="seconds", format="%0.0f")


def say_left(duration: timedelta) -> str:
    """`24 h`, `35 min`; the time left, rounded."""
    minutes = max(round(duration / timedelta(minutes=1)), 1)
    return f"{minutes} min" if minutes < 60 else f"{round(minutes / 60)} h"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": WITH_UNIT, "examples": ["6h", "90m", "PT6H", "6_hours"]}),
]
"""A `timedelta` field that parses what people write, and is serialised as ISO 8601."""
