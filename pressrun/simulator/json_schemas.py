"""The rules of Structured Outputs: which JSON Schemas a strict `response_format` accepts.

Invariant: a schema that passes here uses only keywords that OpenAI is known to accept; in doubt it is refused, because
these rules exist to prevent refused lines in a paid batch.
Source: OpenAI's Structured Outputs guide; openai-python issues 2740, 2741, 2743 and 3805.
"""

import re
from typing import Any

from pressrun.simulator.errors import ApiError

__all__ = ["check_response_format"]

KEYWORDS = frozenset(
    [
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "default",
        "definitions",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "properties",
        "required",
        "title",
        "type",
    ]
)
FORMATS = frozenset(["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"])
SHAPES: dict[str, type] = {
    "properties": dict,
    "$defs": dict,
    "definitions": dict,
    "required": list,
    "anyOf": list,
    "format": str,
}
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_response_format(response_format: Any) -> None:
    """Raise `ApiError` 400 for a `response_format` that OpenAI would not accept."""
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise _refused("Supported values of response_format.type are: 'text', 'json_object', 'json_schema'.", ".type")
    if kind != "json_schema":
        return
    wanted = response_format.get("json_schema")
    if not isinstance(wanted, dict):
        raise _refused("Missing required parameter: 'response_format.json_schema'.", ".json_schema")
    name, schema = wanted.get("name"), wanted.get("schema")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _refused("Invalid 'response_format.json_schema.name': letters, digits, _ and - only.", ".json_schema")
    if not isinstance(schema, dict):
        raise _refused("Missing required parameter: 'response_format.json_schema.schema'.", ".json_schema")
    if wanted.get("strict") is True:
        _check_strict(name, schema)


def _check_strict(name: str, schema: dict[str, Any]) -> None:
    fault = _root_fault(schema) or _fault(schema, ())
    if fault:
        raise _refused(f"Invalid schema for response_format '{name}': {fault}")


def _root_fault(schema: dict[str, Any]) -> str | None:
    if schema.get("type") != "object" or "anyOf" in schema:
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    return None


def _fault(schema: Any, at: tuple[str, ...]) -> str | None:
    """The first fault of `schema` or of a nested schema, with its location."""
    where = f"In context={at}, "
    if not isinstance(schema, dict):
        return f"{where}a schema must be an object."
    return (
        _shape_fault(schema, where)
        or _keyword_fault(schema, where)
        or _completeness_fault(schema, where)
        or _object_fault(schema, where)
        or _inner_fault(schema, at)
    )


def _shape_fault(schema: dict[str, Any], where: str) -> str | None:
    """A keyword whose value has the wrong type, so that the other checks can rely on the types."""
    for keyword, kind in SHAPES.items():
        if not isinstance(schema.get(keyword, kind()), kind):
            return f"{where}'{keyword}' is not of type '{kind.__name__}'."
    return None


def _keyword_fault(schema: dict[str, Any], where: str) -> str | None:
    unknown = sorted(set(schema) - KEYWORDS)
    if unknown:
        return f"{where}'{unknown[0]}' is not permitted."
    if "$ref" in schema and len(schema) > 1:
        return f"{where}$ref cannot have keywords {set(schema) - {'$ref'}}."
    if schema.get("default") is not None:
        return f"{where}'default' is not permitted."
    if "format" in schema and schema["format"] not in FORMATS:
        return f"{where}'{schema['format']}' is not a valid format."
    return None


def _completeness_fault(schema: dict[str, Any], where: str) -> str | None:
    if not {"type", "anyOf", "$ref", "enum", "const"} & set(schema):
        return f"{where}schema must have a 'type' key."
    if schema.get("type") == "array" and "items" not in schema:
        return f"{where}array schema missing items."
    return None


def _object_fault(schema: dict[str, Any], where: str) -> str | None:
    if schema.get("type") != "object" and "properties" not in schema:
        return None
    if schema.get("additionalProperties") is not False:
        return f"{where}'additionalProperties' is required to be supplied and to be false."
    properties = schema.get("properties", {})
    absent = sorted(set(properties) ^ set(map(str, schema.get("required", []))))
    if absent:
        return (
            f"{where}'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing or extra '{absent[0]}'."
        )
    return None


def _inner_fault(schema: dict[str, Any], at: tuple[str, ...]) -> str | None:
    inner = [
        ((*at, group, name), child)
        for group in ("properties", "$defs", "definitions")
        for name, child in schema.get(group, {}).items()
    ]
    inner += [((*at, "anyOf", str(index)), child) for index, child in enumerate(schema.get("anyOf", []))]
    if "items" in schema:
        inner.append(((*at, "items"), schema["items"]))
    faults = (_fault(child, place) for place, child in inner)
    return next((fault for fault in faults if fault), None)


def _refused(message: str, place: str = "") -> ApiError:
    return ApiError(400, message, param=f"response_format{place}")
