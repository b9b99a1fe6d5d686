"""Durations as people write them: `6_hours`, `6h`, `90m`, `PT6H`, `1 day`."""

import re
from datetime import timedelta
from typing import Annotated, Any

import humanize
import pandas as pd
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

__all__ = ["Duration", "parse_duration", "say_duration", "say_left"]

WITH_UNIT = "P.|[0-9.][ _]*[A-Za-zµμ:]"
"""What every duration contains; a Prefect server can check this much before a run exists."""


def parse_duration(value: Any) -> timedelta:
    """Read a positive duration; a bare number is refused because its unit would be a guess. Raises ValueError."""
    if isinstance(value, timedelta):
        duration = value
    else:
        text = str(value).strip().replace("_", " ")
        if not isinstance(value, str) or text.replace(".", "", 1).isdigit():
            raise ValueError("a duration needs a unit, such as 6h, 90m, 6_hours or PT6H")
        try:
            # Pandas deprecates `d`, but people write it.
            duration = pd.Timedelta(re.sub(r"(?<=[\d ])d\b", "D", text)).to_pytimedelta()
        except (ValueError, AttributeError):
            raise ValueError("not a duration such as 6h, 90m, 6_hours or PT6H") from None
    if duration <= timedelta(0):
        raise ValueError("a duration must be greater than 0")
    return duration


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
    PlainSerializer(lambda value: pd.Timedelta(value).isoformat(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": WITH_UNIT, "examples": ["6h", "90m", "PT6H", "6_hours"]}),
]
"""A `timedelta` field that parses what people write, and is serialised as ISO 8601."""
