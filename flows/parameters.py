"""What the flows' parameters have in common: types that their forms show well.

Invariant: what a form refuses, a flow never sees.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from pressrun.durations import Duration
from pressrun.strategy import BatchStrategy, Preference

__all__ = ["Usd", "override", "titled"]

Usd = Annotated[Decimal, Field(gt=0), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
"""An amount that the form shows as a plain number; Decimal's own schema offers text as well."""


def titled(title: str) -> Any:
    """A title for the form: Prefect overwrites `title` itself with the parameter's name, but no schema extra."""
    return Field(json_schema_extra={"title": title})


def override(strategy: BatchStrategy, preference: Preference | None, max_wait: Duration | None) -> BatchStrategy:
    """The strategy with what was chosen beside it; None leaves its own."""
    changes = {"preference": preference, "max_wait_time": max_wait}
    return strategy.model_copy(update={name: value for name, value in changes.items() if value is not None})
