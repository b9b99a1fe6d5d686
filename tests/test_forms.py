"""The forms that Prefect draws: each field says what it is for, and the server refuses what it can tell to be wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate

from flows.build_site import build_site
from flows.collect_batches import collect_batches
from flows.forecast_cost import forecast_cost
from flows.monthly_costs import monthly_costs
from pressrun.brief import SiteBrief
from pressrun.durations import parse_duration
from pressrun.strategy import BatchStrategy
from tests.builders import brief_fields

EXAMPLES = Path(__file__).parent.parent / "examples"
BRIEFS = [path for path in sorted(EXAMPLES.iterdir()) if path.suffix in {".yaml", ".json"}]
FLOWS = [build_site, forecast_cost, monthly_costs, collect_batches]
BUILD: Any = parameter_schema(build_site).model_dump_for_openapi()
OBVIOUS = {"email", "address", "articles", "images", "descriptions", "seo"}
"""Fields whose title says it all, or that come after one that says it for them."""


def fields(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every field of a form, those of its parts included."""
    for part in [schema, *schema.get("definitions", {}).values()]:
        yield from part.get("properties", {}).items()


def refusals(**parameters: Any) -> list[str]:
    """What the server has against a run of build-site; the same code as the server's, with the same schema."""
    return [fault.message for fault in validate({"brief": brief_fields(), **parameters}, BUILD)]


def faults(**changes: Any) -> list[str]:
    """What it has against a brief."""
    return refusals(brief=brief_fields(**changes))


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_field_has_a_title_and_says_what_it_is_for(flow: Any) -> None:
    for name, field in fields(parameter_schema(flow).model_dump_for_openapi()):
        assert field.get("title", "").lower() != name or name in OBVIOUS | set(field["title"].lower().split()), name
        assert "description" in field or name in OBVIOUS or "$ref" in field, name


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_limits_are_said_because_the_form_does_not_show_them(flow: Any) -> None:
    for name, field in fields(parameter_schema(flow).model_dump_for_openapi()):
        for limit in ("minimum", "maximum", "maxItems"):
            assert limit not in field or str(field[limit]) in field["description"], (name, limit)


def test_what_is_required_comes_first() -> None:
    site = BUILD["definitions"]["SiteBrief"]
    assert list(site["properties"])[: len(site["required"])] == ["name", "domain", "trade", "audience", "services"]
    assert set(site["properties"]) == set(SiteBrief.model_fields)
    assert min(BUILD["properties"], key=lambda name: BUILD["properties"][name]["position"]) == "brief"


def test_text_that_may_be_left_out_is_an_empty_box_and_null_is_taken_too() -> None:
    for part, names in (("Contact", ["email", "phone", "address", "hours"]), ("SiteBrief", ["client"])):
        for name in names:
            field = BUILD["definitions"][part]["properties"][name]
            assert field["type"] == "string" and "default" not in field
    nothing = dict.fromkeys(["email", "phone", "address", "hours"])
    assert faults(contact=nothing, client=None) == []


def test_a_parameter_that_may_be_none_has_two_buttons_with_words_on_them() -> None:
    labels = [one["title"] for one in BUILD["properties"]["max_cost_usd"]["anyOf"]]
    assert labels == ["USD", "no cap"]
    nothing = dict.fromkeys(["max_cost_usd", "preference", "max_wait_time", "strategy"])
    assert refusals(**nothing) == []


def test_durations_are_shown_as_people_write_them() -> None:
    shown = [
        BUILD["properties"]["approval_timeout"],
        BUILD["definitions"]["BatchStrategy"]["properties"]["max_wait_time"],
    ]
    assert [field["default"] for field in shown] == ["7 days", "24 hours"]
    assert parse_duration("24 hours") == BatchStrategy().max_wait_time


@pytest.mark.parametrize(
    "brief",
    [
        {"domain": "https://Harbour-Bakery.example/"},
        {"domain": "麵包。台灣"},
        {"domain": " bäckerei.example "},
        {"language": "zh_TW"},
        {"language": "sgn-BE-FR"},
        {"language": " de "},
        {"slug": "harbour-bakery-2"},
        {"brand_colours": ["#1A2b3c", " #ffffff "]},
        {"contact": {"email": "hello@harbour-bakery.example"}},
    ],
)
def test_nothing_is_refused_that_makes_a_brief(brief: dict[str, Any]) -> None:
    SiteBrief.model_validate(brief_fields(**brief))
    assert faults(**brief) == []


@pytest.mark.parametrize("text", ["6h", "90m", "6_hours", "PT6H", "P1D", "1 day 2 hours", "0.5 h", "01:30:00", "2 D"])
def test_no_duration_is_refused_that_can_be_read(text: str) -> None:
    parse_duration(text)
    assert refusals(max_wait_time=text, approval_timeout=text) == []


@pytest.mark.parametrize(
    "brief",
    [
        {"domain": "harbour-bakery"},
        {"language": "english"},
        {"slug": "Harbour Bakery"},
        {"brand_colours": ["red"]},
        {"contact": {"email": "hello"}},
        {"article_count": 12},
        {"image_count": 0},
        {"services": []},
        {"name": ""},
        {"servces": ["Bread"]},
    ],
)
def test_a_faulty_brief_is_refused_before_a_run_exists(brief: dict[str, Any]) -> None:
    assert faults(**brief)


@pytest.mark.parametrize(
    "parameters",
    [
        {"preference": "cheap"},
        {"max_cost_usd": 0},
        {"max_cost_usd": "10"},
        {"max_wait_time": "6"},
        {"approval_timeout": "soon"},
        {"wait": "sleep"},
        {"poll_seconds": 601},
        {"strategy": {"articles": "sometimes"}},
        {"strategy": {"max_wait_time": "6"}},
        {"strategy": {"regenerate_below": 101}},
    ],
)
def test_a_faulty_option_is_refused_before_a_run_exists(parameters: dict[str, Any]) -> None:
    assert refusals(**parameters)


@pytest.mark.parametrize(("month", "ok"), [("2026-10", True), (None, True), ("2026-13", False), ("October", False)])
def test_a_month_is_a_year_and_a_month(month: str | None, ok: bool) -> None:
    schema: Any = parameter_schema(monthly_costs).model_dump_for_openapi()
    assert (validate({"month": month}, schema) == []) is ok
