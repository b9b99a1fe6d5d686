"""Filler is valid under whatever strict schema it is made for."""

from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pressrun.simulator.schema_filler import FORMATS, fill_schema

NAMES = st.text("abcdefg_", min_size=1, max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def _strict_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.integers(-50, 50))
    high = low + draw(st.integers(2, 60))
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["integer", "number"]))}
    schema |= draw(st.sampled_from([{}, {"minimum": low}, {"exclusiveMinimum": low}]))
    schema |= draw(st.sampled_from([{}, {"maximum": high}, {"exclusiveMaximum": high}]))
    return schema


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    least = draw(st.integers(0, 4))
    limits = draw(
        st.sampled_from([{}, {"minItems": least}, {"minItems": least, "maxItems": least + 1}, {"maxItems": 1}])
    )
    return {"type": "array", "items": draw(items), **limits}


def _leaves() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        numbers(),
        st.sampled_from(sorted(FORMATS)).map(lambda name: {"type": "string", "format": name}),
        st.sampled_from([{"type": "string"}, {"type": ["string", "null"]}, {"type": "boolean"}, {"type": "null"}]),
        st.lists(st.text(max_size=5) | st.integers(), min_size=1, max_size=4).map(lambda values: {"enum": values}),
        st.integers().map(lambda value: {"const": value}),
        st.integers(2, 9).map(lambda of: {"type": "integer", "multipleOf": of, "minimum": 1, "maximum": 40}),
        st.just({"$ref": "#/$defs/node"}),
    )


def _choices(deeper: st.SearchStrategy[dict[str, Any]]) -> list[st.SearchStrategy[dict[str, Any]]]:
    return [
        st.lists(deeper, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        deeper.map(lambda schema: {"anyOf": [schema, {"type": "null"}]}),
    ]


def _schemas(*, with_choices: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    inner = st.recursive(
        _leaves(),
        lambda deeper: st.one_of(
            st.dictionaries(NAMES, deeper, max_size=4).map(_strict_object),
            arrays(deeper),
            *(_choices(deeper) if with_choices else ()),
        ),
        max_leaves=8,
    )
    node = _strict_object(
        {"label": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}
    )
    return st.dictionaries(NAMES, inner, max_size=5).map(
        lambda fields: {**_strict_object(fields), "$defs": {"node": node}}
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=_schemas(), seed=st.integers(0, 99), draft=JSON)
def test_any_draft_becomes_valid_under_any_strict_schema(schema: dict[str, Any], seed: int, draft: Any) -> None:
    jsonschema.Draft202012Validator(schema).validate(fill_schema(schema, Random(seed), draft))
    jsonschema.Draft202012Validator(schema).validate(fill_schema(schema, Random(seed)))


@settings(max_examples=60, deadline=None)
@given(schema=_schemas(with_choices=False), seed=st.integers(0, 99))
def test_a_valid_draft_is_kept(schema: dict[str, Any], seed: int) -> None:
    made = fill_schema(schema, Random(seed))
    assert fill_schema(schema, Random(seed + 1), made) == made


def test_a_draft_is_cut_to_the_greatest_number_of_items_and_filled_to_the_least() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3}
    assert fill_schema(schema, Random(0), ["a", "b", "c", "d"]) == ["a", "b", "c"]
    filled = fill_schema(schema, Random(0), ["a"])
    assert filled[0] == "a"
    assert len(filled) == 3


def test_unknown_fields_of_a_draft_are_left_out_and_missing_ones_made_up() -> None:
    made = fill_schema(
        _strict_object({"a": {"type": "string"}, "b": {"type": "integer"}}), Random(0), {"a": "x", "z": 1}
    )
    assert made["a"] == "x"
    assert set(made) == {"a", "b"}


def test_a_tree_that_may_end_does_end() -> None:
    node = _strict_object({"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}})
    made = fill_schema(node, Random(0))
    depth = 0
    while made is not None:
        made, depth = made["next"], depth + 1
    assert 1 <= depth < 20


@pytest.mark.parametrize("of", [0.1, 0.25, 3, 7])
def test_multiples_are_exact_enough_for_a_validator(of: float) -> None:
    schema = {"type": "number", "multipleOf": of, "minimum": 0.05, "maximum": 90}
    for seed in range(20):
        jsonschema.validate(fill_schema(schema, Random(seed)), schema)
