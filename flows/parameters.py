"""Parameter types that Prefect's run forms show well.

Invariant: a flow never sees a value that its form refuses.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema

__all__ = ["Choice", "Usd", "titled"]

Usd = Annotated[Decimal, Field(gt=0), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
"""An amount that the form shows as a plain number; Decimal's own schema also allows text."""


@dataclass(frozen=True)
class Choice:
    """Labels of the two buttons of a parameter that may be None; Prefect would show type names."""

    some: str
    none: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        for one in schema["anyOf"]:
            one["title"] = self.none if one.get("type") == "null" else self.some
        return schema


def titled(title: str, **keywords: Any) -> Any:
    """A parameter's title. Prefect overwrites `title` itself with the parameter's name, but not a schema extra."""
    return Field(json_schema_extra={"title": title, **keywords})
