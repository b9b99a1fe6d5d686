"""JSON schemas as Prefect's run forms need them: its pages draw a form from the schema of a flow's parameters.

Invariant: a schema refuses nothing that its model takes; what it can tell apart is refused before a run exists.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["Extra", "empty_box", "in_order", "shown"]

Extra = Callable[[dict[str, Any]], None]
"""For `json_schema_extra`: changes a schema in place."""


def shown(**keywords: Any) -> Extra:
    """These keywords of a field's schema, such as a `default` as people write it, or a `pattern`."""

    def change(schema: dict[str, Any]) -> None:
        schema.update(keywords)

    return change


def empty_box(**keywords: Any) -> Extra:
    """A field that may be None, as an empty box in place of a choice between a type and None.

    Prefect takes null for it all the same, as for every field that has no default in its schema.
    """

    def change(schema: dict[str, Any]) -> None:
        [meant] = [one for one in schema.pop("anyOf") if one.get("type") != "null"]
        schema.pop("default")
        schema.update({**meant, **keywords})

    return change


def in_order(*names: str) -> Extra:
    """A model's fields in this order; those that are not named come last."""

    def change(schema: dict[str, Any]) -> None:
        fields = schema["properties"]
        schema["properties"] = {name: fields[name] for name in dict.fromkeys([*names, *fields])}

    return change
