"""Values for a JSON Schema: an adapted draft, or filler where there is no draft.

Invariant: for the keywords that strict structured output accepts, the result of `fill_schema` is valid under the
schema, whatever the draft is, as long as the schema can be satisfied at all.
"""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

__all__ = ["fill_schema"]

DEEP = 5
"""Levels of nesting after which recursion is cut short: nulls, empty lists, no optional fields."""
WORDS = [
    "clear",
    "simple",
    "honest",
    "local",
    "careful",
    "daily",
    "useful",
    "small",
    "steady",
    "open",
    "warm",
    "early",
    "quiet",
    "fresh",
    "plain",
]
FORMATS = {
    "date": "2025-03-14",
    "date-time": "2025-03-14T09:26:53Z",
    "time": "09:26:53Z",
    "duration": "PT15M",
    "email": "hello@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
MISSING = object()
KINDS: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("boolean", bool),
    ("integer", int),
    ("number", (int, float)),
    ("string", str),
    ("array", list),
    ("object", dict),
    ("null", type(None)),
)


def fill_schema(schema: Mapping[str, Any], rng: Random, draft: Any = MISSING) -> Any:
    """A value that is valid under `schema`.

    Matching parts of `draft` are used: its known fields, its items up to `maxItems`, its strings and numbers within the
    limits. Everything else is generated with `rng`. `pattern`, `oneOf` and `allOf` are ignored, because strict
    structured output does not accept them together with what we send.
    """
    return _value(schema, schema, rng, draft, 0)


def _value(root: Mapping[str, Any], node: Mapping[str, Any], rng: Random, draft: Any, depth: int) -> Any:
    node = _resolved(root, node)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return draft if _is_one_of(draft, node["enum"]) else rng.choice(node["enum"])
    if "anyOf" in node:
        option = _option(root, node["anyOf"], draft, depth)
        return _value(root, option, rng, draft, depth)
    return _typed(root, node, rng, draft, depth)


def _typed(root: Mapping[str, Any], node: Mapping[str, Any], rng: Random, draft: Any, depth: int) -> Any:
    match _kind(node, draft, depth):
        case "object":
            return _object(root, node, rng, draft, depth)
        case "array":
            return _array(root, node, rng, draft, depth)
        case "integer" | "number" as kind:
            return draft if _number_fits(node, draft, kind) else _number(node, rng, kind)
        case "string":
            return _string(node, rng, draft)
        case "boolean":
            return draft if isinstance(draft, bool) else rng.random() < 0.5
    return None


def _resolved(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    seen = set()
    while "$ref" in node and node["$ref"] not in seen:
        seen.add(node["$ref"])
        target: Any = root
        for part in str(node["$ref"]).removeprefix("#").strip("/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")] if part else target
        node = target
    return node


def _is_one_of(draft: Any, values: list[Any]) -> bool:
    return any(type(value) is type(draft) and value == draft for value in values)


def _kind_of(value: Any) -> str:
    return next((name for name, kinds in KINDS if isinstance(value, kinds)), "")


def _allowed_kinds(node: Mapping[str, Any]) -> list[str]:
    kinds = node.get("type")
    if kinds is None:
        kinds = "object" if "properties" in node else "array" if "items" in node else "string"
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _kind(node: Mapping[str, Any], draft: Any, depth: int) -> str:
    kinds = _allowed_kinds(node)
    if draft is not MISSING and _kind_of(draft) in kinds:
        return _kind_of(draft)
    if depth >= DEEP and "null" in kinds:
        return "null"
    return next((kind for kind in kinds if kind != "null"), "null")


def _option(root: Mapping[str, Any], options: list[Any], draft: Any, depth: int) -> Mapping[str, Any]:
    """The branch of an `anyOf` to use: the draft's own, the shallowest one when nested deeply, otherwise the first."""
    resolved = [_resolved(root, option) for option in options]
    if draft is not MISSING:
        own = [option for option in resolved if _takes(root, option, draft)]
        if own:
            return own[0]
    if depth >= DEEP:
        return min(resolved, key=lambda option: _weight(root, option))
    return next((option for option in resolved if _weight(root, option) > 0), resolved[0])


def _takes(root: Mapping[str, Any], option: Mapping[str, Any], draft: Any) -> bool:
    if "anyOf" in option:
        return any(_takes(root, _resolved(root, inner), draft) for inner in option["anyOf"])
    if "const" in option or "enum" in option:
        return _is_one_of(draft, option.get("enum", [option.get("const")]))
    return _kind_of(draft) in _allowed_kinds(option)


def _weight(root: Mapping[str, Any], option: Mapping[str, Any]) -> int:
    """0 for null, 1 for scalars, more for nestable types."""
    if "anyOf" in option:
        return min(_weight(root, _resolved(root, inner)) for inner in option["anyOf"])
    if "const" in option or "enum" in option:
        return 1
    kinds = _allowed_kinds(option)
    if "null" in kinds:
        return 0
    if "array" in kinds:
        return 2 + int(option.get("minItems", 0) > 0)
    return 4 if kinds == ["object"] else 1


def _object(root: Mapping[str, Any], node: Mapping[str, Any], rng: Random, draft: Any, depth: int) -> dict[str, Any]:
    given = draft if isinstance(draft, dict) else {}
    required = set(node.get("required", []))
    return {
        name: _value(root, child, rng, given.get(name, MISSING), depth + 1)
        for name, child in node.get("properties", {}).items()
        if name in required or name in given or depth < DEEP
    }


def _array(root: Mapping[str, Any], node: Mapping[str, Any], rng: Random, draft: Any, depth: int) -> list[Any]:
    least, most = node.get("minItems", 0), node.get("maxItems", math.inf)
    given = draft if isinstance(draft, list) else []
    filler = 0 if depth >= DEEP or isinstance(draft, list) else 2
    count = int(min(max(least, len(given), filler), most))
    items = [*given, *[MISSING] * count][:count]
    return [_value(root, node.get("items", {}), rng, item, depth + 1) for item in items]


def _bounds(node: Mapping[str, Any], step: float) -> tuple[float, float]:
    """The smallest and the largest allowed number, with exclusive limits moved inward by `step`."""
    least = max(node.get("minimum", -math.inf), node.get("exclusiveMinimum", -math.inf) + step)
    most = min(node.get("maximum", math.inf), node.get("exclusiveMaximum", math.inf) - step)
    if math.isinf(least):
        least = 0 if most >= 0 else most - 100 * step
    return least, min(most, least + 100 * step)


def _number_fits(node: Mapping[str, Any], draft: Any, kind: str) -> bool:
    if isinstance(draft, bool) or not isinstance(draft, int if kind == "integer" else (int, float)):
        return False
    above = draft >= node.get("minimum", draft) and draft > node.get("exclusiveMinimum", -math.inf)
    below = draft <= node.get("maximum", draft) and draft < node.get("exclusiveMaximum", math.inf)
    return above and below and _is_multiple(draft, node.get("multipleOf"))


def _is_multiple(value: float, of: float | None) -> bool:
    if of is None:
        return True
    return value / of == int(value / of) if isinstance(of, float) else value % of == 0


def _number(node: Mapping[str, Any], rng: Random, kind: str) -> float:
    of = node.get("multipleOf")
    step = of or (1 if kind == "integer" else _step(node))
    least, most = _bounds(node, 1 if kind == "integer" else min(step, _step(node)))
    first, last = math.ceil(least / step), math.floor(most / step)
    start = rng.randint(first, max(first, last))
    candidates = [count * step for count in (*range(start, last + 1), *range(first, start))]
    fitting = [value for value in candidates if _number_fits(node, value, kind)]
    if fitting:
        return int(fitting[0]) if kind == "integer" else fitting[0]
    return math.ceil(least) if kind == "integer" else (least + most) / 2


def _step(node: Mapping[str, Any]) -> float:
    """A step that is small compared with the range between the limits, so that exclusive limits leave room."""
    least = node.get("minimum", node.get("exclusiveMinimum"))
    most = node.get("maximum", node.get("exclusiveMaximum"))
    return 0.5 if least is None or most is None or most == least else min(0.5, (most - least) / 8)


def _string(node: Mapping[str, Any], rng: Random, draft: Any) -> str:
    least, most = node.get("minLength", 0), node.get("maxLength")
    if node.get("format") in FORMATS:
        return FORMATS[node["format"]]
    if isinstance(draft, str) and len(draft) >= least:
        return draft if most is None else draft[:most]
    words = [rng.choice(WORDS) for _ in range(4)]
    while len(" ".join(words)) < least:
        words.append(rng.choice(WORDS))
    return " ".join(words).capitalize()[:most]
