"""Which JSON Schemas a strict response format takes."""

from typing import Any

import pytest
from openai.lib._parsing._completions import type_to_response_format_param
from pydantic import BaseModel, ConfigDict

from pressrun.simulator.errors import ApiError
from pressrun.simulator.json_schemas import check_response_format


def a_format(schema: Any, **changes: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema, **changes}}


def an_object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        an_object(),
        an_object(a=TEXT, b={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 3}),
        an_object(a={"anyOf": [TEXT, {"type": "null"}]}),
        an_object(a={"type": ["string", "null"], "default": None}),
        an_object(kind={"enum": ["x", "y"], "type": "string"}, size={"type": "integer", "minimum": 1}),
        {**an_object(a={"$ref": "#/$defs/A"}), "$defs": {"A": an_object(b={**TEXT, "title": "B"})}},
        an_object(when={"type": "string", "format": "date"}),
    ],
)
def test_a_schema_that_keeps_the_rules_is_taken(schema: dict[str, Any]) -> None:
    check_response_format(a_format(schema))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": TEXT}, 'type: "object"'),
        ({"anyOf": [an_object()]}, 'type: "object"'),
        ({**an_object(), "anyOf": [an_object()]}, 'type: "object"'),
        ({"type": "object", "properties": {}, "required": []}, "additionalProperties"),
        (an_object(a={"type": "object", "additionalProperties": True}), "additionalProperties"),
        (an_object(a={"type": "object", "additionalProperties": TEXT}), "additionalProperties"),
        ({**an_object(a=TEXT), "required": []}, "'a'"),
        ({**an_object(a=TEXT), "required": ["a", "b"]}, "'b'"),
        (an_object(a={**TEXT, "default": "x"}), "default"),
        (an_object(a={**TEXT, "minLength": 1}), "minLength"),
        (an_object(a={**TEXT, "maxLength": 9}), "maxLength"),
        (an_object(a={**TEXT, "pattern": "x"}), "pattern"),
        (an_object(a={**TEXT, "format": "slug"}), "slug"),
        (an_object(a={"allOf": [TEXT]}), "allOf"),
        (an_object(a={"$ref": "#/$defs/A", "description": "x"}), "$ref"),
        (an_object(a={"type": "array"}), "items"),
        (an_object(a={"type": "array", "items": {**TEXT, "minLength": 1}}), "minLength"),
        (an_object(a={"anyOf": [TEXT, {"type": "object"}]}), "additionalProperties"),
        ({**an_object(), "$defs": {"A": {"type": "object"}}}, "additionalProperties"),
        (an_object(a={}), "type"),
        (an_object(a="text"), "object"),
        ({**an_object(), "properties": ["a"]}, "properties"),
        ({**an_object(), "required": "a"}, "required"),
    ],
)
def test_a_schema_that_breaks_a_rule_is_refused(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ApiError) as refusal:
        check_response_format(a_format(schema))
    assert refusal.value.status == 400
    assert words in refusal.value.message


def test_the_rules_hold_for_strict_schemas_only() -> None:
    check_response_format(a_format({"type": "array"}, strict=False))


@pytest.mark.parametrize(
    "response_format",
    [
        {"type": "yaml"},
        {"type": "json_schema"},
        "json",
        a_format(an_object(), name="two words"),
        a_format(None),
    ],
)
def test_a_malformed_response_format_is_refused(response_format: Any) -> None:
    with pytest.raises(ApiError):
        check_response_format(response_format)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: str
    note: str | None


class Outer(BaseModel):
    first: Inner
    more: list[Inner]


def test_what_the_sdk_makes_of_a_model_is_taken() -> None:
    check_response_format(type_to_response_format_param(Outer))
