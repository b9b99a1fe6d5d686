"""What the simulator makes of a request's body: repairs, packs, text parts, and bodies that nobody would send."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.calls import Answer, Route, StepName
from pressrun.simulator.writer import write_reply
from pressrun.steps import CONFIG, STEPS, Asking, repair_call

from .written import ENGLISH, a_brief, a_site, an_order, answered, parsed_by


def test_the_same_body_always_gets_the_same_reply() -> None:
    call = CONFIG.calls(an_order(a_brief(ENGLISH)))[0]
    assert write_reply(call.body) == write_reply(json.loads(json.dumps(call.body)))


def test_a_repair_call_is_answered_like_the_call_itself() -> None:
    brief, config, _ = a_site("zh-TW", 6)
    step = STEPS[StepName.ARTICLES]
    order = an_order(brief, config)
    call = step.calls(order)[3]
    broken = Answer(call_id=call.id, route=Route.REALTIME, body={"choices": [{"message": {"content": "{}"}}]})
    repair = repair_call(call, broken, {call.item: ["title: Field required", "<item>{}</item> is no way"]})
    assert step.parse(order, repair, answered(repair)) == step.parse(order, call, answered(call))


@pytest.mark.parametrize("name", ["en", "zh-TW", "de-DE"])
def test_an_item_gets_the_same_words_whether_it_is_packed_or_not(name: str) -> None:
    brief, config, made = a_site(name, 6)
    order = an_order(brief, config).model_copy(update={"asking": Asking(pack=False)})
    for step in (StepName.DESCRIPTIONS, StepName.SEO):
        assert parsed_by(STEPS[step], order) == made[step]


def test_a_repair_of_a_pack_is_answered_for_the_items_it_asks_for() -> None:
    brief, config, made = a_site("en", 6)
    step = STEPS[StepName.DESCRIPTIONS]
    [call] = step.calls(an_order(brief, config))
    repair = repair_call(call, answered(call), {"image-05": ["alt is empty"], "image-09": ["alt is empty"]})
    parsed = step.parse(an_order(brief, config), repair, answered(repair)).parsed
    assert parsed == {item: made[StepName.DESCRIPTIONS][item] for item in ("image-05", "image-09")}


@pytest.mark.parametrize("name", ["site_config", "article", "image_description", "page_seo", "something_else"])
def test_a_request_without_the_blocks_gets_filler_that_is_valid(name: str) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
    body = {"messages": [{"role": "user", "content": "Hello"}], "response_format": wanted}
    assert json.loads(write_reply(body))["title"]


def test_text_parts_are_read_like_a_plain_text() -> None:
    call = CONFIG.calls(an_order(a_brief(ENGLISH)))[0]
    parts = [
        {**message, "content": [{"type": "text", "text": message["content"]}]} for message in call.body["messages"]
    ]
    assert json.loads(write_reply({**call.body, "messages": parts}))["site_name"] == "Harbour Bakery"


def test_without_a_schema_the_reply_is_a_short_text_or_a_small_object() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
    assert "simulat" in write_reply(body)
    assert "reply" in json.loads(write_reply({**body, "response_format": {"type": "json_object"}}))


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_body_is_too_strange_to_answer(messages: Any) -> None:
    assert write_reply({"messages": messages, "response_format": messages})
    assert write_reply({"messages": [{"role": "user", "content": messages}]})
