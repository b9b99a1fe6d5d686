"""JSON schemas for Prefect's run forms, which are drawn from the schema of a flow's parameters.

Invariant: a schema refuses nothing that its model accepts; what it can detect is refused before a run exists.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["Extra", "empty_box", "in_order", "shown"]

Extra = Callable[[dict[str, Any]], None]
"""For `json_schema_extra`: changes a schema in place."""


def shown(**keywords: Any) -> Extra:
    """Set keywords of a field's schema, such as a `default` as people write it, or a `pattern`."""

    def change(schema: dict[str, Any]) -> None:
        schema.update(keywords)

    return change


def empty_box(**keywords: Any) -> Extra:
    """Show a field that may be None as an empty box instead of a choice between a type and None.

    Prefect still accepts null for it, as for every field without a default in its schema.
    """

    def change(schema: dict[str, Any]) -> None:
        [meant] = [one for one in schema.pop("anyOf") if one.get("type") != "null"]
        schema.pop("default")
        schema.update({**meant, **keywords})

    return change


def in_order(*names: str) -> Extra:
    """Put a model's fields in this order; unnamed ones come last."""

    def change(schema: dict[str, Any]) -> None:
        fields = schema["properties"]
        schema["properties"] = {name: fields[name] for name in dict.fromkeys([*names, *fields])}

    return change
