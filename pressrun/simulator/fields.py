"""Checks of single JSON fields, shared by the endpoints.

Invariant: every function either returns a value of the type in its name or raises `ApiError` 400 with the field in
`param`. JSON null counts as absent, as at OpenAI; `true` is not a number.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pressrun.simulator.errors import ApiError, invalid_value, missing

__all__ = ["choice", "flag", "integer", "number", "refuse_unknown", "required_text", "text", "text_pairs"]

Body = Mapping[str, Any]


def refuse_unknown(body: Body, known: Collection[str]) -> None:
    for name in body:
        if name not in known:
            raise invalid_value(name, f"Unknown parameter: '{name}'.", code="unknown_parameter")


def required_text(body: Body, name: str) -> str:
    value = text(body, name)
    if value is None:
        raise missing(name)
    return value


def text(body: Body, name: str, *, longest: int | None = None) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_type(name, "a string", value)
    if longest is not None and len(value) > longest:
        raise invalid_value(
            name,
            f"Invalid '{name}': string too long. Expected a string with maximum length {longest}, but got a string "
            f"with length {len(value)} instead.",
            code="string_above_max_length",
        )
    return value


def integer(body: Body, name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "an integer", value)
    return int(_within(name, value, low, high))


def number(body: Body, name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(name, "a decimal", value)
    return _within(name, value, low, high)


def flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong_type(name, "a boolean", value)
    return bool(value)


def choice(body: Body, name: str, allowed: Collection[str], *, param: str | None = None) -> str | None:
    """One of `allowed`, or None when absent; `param` is the name for the message when the field is nested."""
    value = body.get(name)
    where = param or name
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        options = ", ".join(f"'{option}'" for option in allowed)
        raise invalid_value(where, f"Invalid value: '{value}'. Supported values are: {options}.")
    return value


def text_pairs(body: Body, name: str) -> dict[str, str] | None:
    """`metadata`: at most 16 pairs of text, keys of up to 64 and values of up to 512 characters."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _wrong_type(name, "an object", value)
    if len(value) > 16:
        raise invalid_value(
            name,
            f"Invalid '{name}': too many properties. Expected an object with at most 16 properties, but got "
            f"{len(value)} instead.",
            code="object_above_max_properties",
        )
    for key in value:
        if len(key) > 64:
            raise invalid_value(name, f"Invalid '{name}': a key is longer than 64.", code="string_above_max_length")
        if text(value, key, longest=512) is None:
            raise _wrong_type(f"{name}.{key}", "a string", None)
    return dict(value)


def _within(name: str, value: float, low: float, high: float) -> float:
    if value < low:
        message = f"Invalid '{name}': below minimum value. Expected a value >= {low}, but got {value} instead."
        raise invalid_value(name, message, code=f"{_kind(value)}_below_min_value")
    if value > high:
        message = f"Invalid '{name}': above maximum value. Expected a value <= {high}, but got {value} instead."
        raise invalid_value(name, message, code=f"{_kind(value)}_above_max_value")
    return value


def _kind(value: float) -> str:
    return "integer" if isinstance(value, int) else "decimal"


def _wrong_type(name: str, expected: str, value: Any) -> ApiError:
    message = f"Invalid type for '{name}': expected {expected}, but got {type(value).__name__} instead."
    return invalid_value(name, message, code="invalid_type")
