"""What Prefect's result storage may hold: JSON of our own types, whatever a record says of itself.

Invariant: reading a result runs no code and imports nothing that the record names. By default it does both. A record
names its serializer, and Prefect uses it (`prefect/_internal/result_records.py`), pickle included; and what Prefect
reads as JSON may name a function, which is called, or a decoder (`prefect/serializers.py`). The storage may be shared,
so its files are no more trusted than a provider's reply.

A record that is not readable counts as absent: Prefect runs its task again, which finds its batch by the ledger and the
provider's list. So a forged record does no more than a deleted one.
"""

import builtins
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path, PosixPath
from typing import Any
from uuid import UUID

from prefect import serializers
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger
from prefect.serializers import CompressedSerializer, JSONSerializer, PickleSerializer
from pydantic import BaseModel, TypeAdapter

__all__ = ["UnfitRecord", "read_json_only"]

OURS = ("pressrun", "tasks", "flows")
"""Packages whose models and errors a result may hold."""
VALUES = {
    f"{kind.__module__}.{kind.__qualname__}": kind
    for kind in (date, datetime, time, timedelta, Decimal, UUID, Path, PosixPath)
}
MARKS = {"__class__", "__exc_type__"}
"""Keys by which Prefect's encoder tells a type and an exception."""

AS_WRITTEN: tuple[str, str, dict[str, Any]] = ("json", "prefect.serializers.prefect_json_object_decoder", {})
"""How a record says that it is plain JSON: library, decoder and options."""


class UnfitRecord(ValueError):
    """A stored result that is not JSON of our own types."""


def read_json_only() -> None:
    """Make every reading of a result in this process safe. Results are read in many places of Prefect: tasks, states,
    stores. All of them end in the `loads` of a serializer."""
    for kind in (PickleSerializer, CompressedSerializer):
        _replace(kind, "loads", _refuse)
    _replace(JSONSerializer, "loads", _loads)
    # They import the library that a record names, before `loads` could refuse it.
    for name in ("validate_picklelib", "validate_compressionlib"):
        _replace(serializers, name, _as_named)


def _replace(place: object, name: str, function: Callable[..., object]) -> None:
    assert hasattr(place, name), f"Prefect's {place} has no {name} any more"
    setattr(place, name, function)


def _as_named(value: str) -> str:
    return value


def _refuse(self: "serializers.Serializer[Any]", _blob: bytes) -> Any:
    raise _unfit(f"it is stored as {self.type!r}, not as JSON")


def _loads(self: "JSONSerializer[Any]", blob: bytes) -> Any:
    """The value, decoded as it was encoded; a record that names a library or a decoder of its own is refused."""
    if (self.jsonlib, self.object_decoder, self.loads_kwargs) != AS_WRITTEN:
        raise _unfit("it names a decoder of its own")
    value = json.loads(blob.decode())
    typed = _typed(value)
    if typed is value and isinstance(value, dict) and MARKS & value.keys() and not _is_ours(value.get("__class__")):
        raise _unfit("its type is none of Pressrun's")
    return typed


def _typed(value: Any) -> Any:
    """The value with objects in place of what Prefect's `prefect_json_object_encoder` wrote for them.

    What is no type of ours stays as it is, since a provider's reply may hold such words as well; and the fields of a
    model are left to the model.
    """
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__class__", "data"} and (adapter := _adapter(str(value["__class__"]))):
        return adapter.validate_python(value["data"])
    if value.keys() == {"__exc_type__", "message"} and (kind := _found(str(value["__exc_type__"]), BaseException)):
        return kind(value["message"])
    if MARKS & value.keys():
        return value
    return {name: _typed(one) for name, one in value.items()}


@cache
def _adapter(name: str) -> TypeAdapter[Any] | None:
    kind = VALUES.get(name) or _found(name, BaseModel)
    return TypeAdapter(kind) if kind else None


def _found(name: str, base: type) -> type[Any] | None:
    """The type of this qualified name, if it is ours, or a built-in error, and derives from `base`."""
    module, _, attribute = name.rpartition(".")
    found: object = None
    if module == "builtins":
        found = getattr(builtins, attribute, None)
    elif _is_ours(module) and "__" not in module:
        with suppress(ImportError):
            found = getattr(import_module(module), attribute, None)
    return found if isinstance(found, type) and issubclass(found, base) else None


def _is_ours(name: object) -> bool:
    """Whether a name lies in our packages; another version's type may be gone, and its data are still good."""
    return str(name).partition(".")[0] in OURS


def _unfit(reason: str) -> UnfitRecord:
    """The error, which is also logged, because Prefect takes the record for absent without a word."""
    message = f"A stored result was not read: {reason}. It counts as absent. Find out who can write to the storage."
    try:
        get_run_logger().warning(message)
    except MissingContextError:
        get_logger("results").warning(message)
    return UnfitRecord(message)
