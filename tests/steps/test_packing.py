"""Several items in one request: asked for, read and sent back one by one."""

import json
from typing import Any

import pytest

from pressrun.calls import Answer, Call, StepName
from pressrun.steps import STEPS, InvalidReply, Reading, repair_call
from tests.calls_builder import a_chat_reply, an_answer

from .test_steps import an_order

DESCRIPTIONS = STEPS[StepName.DESCRIPTIONS]
ORDER = an_order(image_count=4)


def the_pack() -> Call:
    [call] = DESCRIPTIONS.calls(ORDER)
    return call


def described(number: int, **changes: Any) -> dict[str, Any]:
    words = {"alt": f"Loaf {number} on a board", "caption": f"Baked at {number}.", "refined_prompt": "A loaf, close"}
    return {**words, **changes}


def replies(**changes: Any) -> dict[str, Any]:
    """A good reply for all four images; a change to None leaves the item out."""
    good = {f"image-{number:02d}": described(number) for number in range(1, 5)}
    changed = {**good, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return {item: value for item, value in changed.items() if value is not None}


def replied(call: Call, data: Any, **reply: Any) -> Answer:
    return an_answer(call, a_chat_reply(data if isinstance(data, str) else json.dumps(data), **reply))


def read(data: Any, **reply: Any) -> Reading:
    call = the_pack()
    return DESCRIPTIONS.parse(ORDER, call, replied(call, data, **reply))


def test_all_items_go_in_one_request_each_with_a_required_field_of_its_own() -> None:
    call = the_pack()
    schema = call.body["response_format"]["json_schema"]
    assert call.items == ("image-01", "image-02", "image-03", "image-04")
    assert call.item == "image-01-and-3-more"
    assert schema["name"] == "image_description_pack"
    assert schema["schema"]["required"] == list(call.items)


def test_a_pack_of_one_is_an_ordinary_call() -> None:
    [call] = DESCRIPTIONS.calls(an_order(image_count=1))
    assert (call.item, call.items, call.covers) == ("image-01", (), ("image-01",))


@pytest.mark.parametrize(("images", "sizes"), [(25, [25]), (26, [13, 13]), (40, [20, 20])])
def test_very_many_items_are_spread_over_requests_of_like_size(images: int, sizes: list[int]) -> None:
    calls = DESCRIPTIONS.calls(an_order(image_count=images))
    assert [len(call.items) for call in calls] == sizes
    assert len({call.id for call in calls}) == len(calls)


def test_a_good_pack_gives_content_for_every_item() -> None:
    reading = read(replies())
    assert [parsed.content.alt for parsed in reading.parsed.values()] == [f"Loaf {n} on a board" for n in range(1, 5)]
    assert reading.faults == {}


def test_each_item_is_checked_on_its_own_and_the_good_ones_are_kept() -> None:
    reading = read(replies(image_02=described(2, alt=""), image_03={"alt": "A loaf"}, image_04=None))
    assert list(reading.parsed) == ["image-01"]
    assert reading.faults["image-02"] == ["alt is empty"]
    assert reading.faults["image-03"] == ["caption: Field required", "refined_prompt: Field required"]
    assert reading.faults["image-04"] == ["it is missing from the reply"]


def test_of_a_pack_that_was_cut_off_the_items_that_came_whole_are_kept() -> None:
    text = json.dumps(replies())
    cut = text[: text.index("Baked at 3") + 4]
    reading = read(cut, finish_reason="length")
    assert list(reading.parsed) == ["image-01", "image-02"]
    assert list(reading.faults) == ["image-03", "image-04"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (a_chat_reply("Sure! Here they are"), "not JSON"),
        (a_chat_reply("[]"), "not a JSON object"),
        (a_chat_reply(None, refusal="I cannot."), "refused"),
        ({}, "no choices"),
    ],
)
def test_a_reply_of_which_nothing_can_be_used_is_invalid_as_a_whole(reply: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidReply, match=fault):
        DESCRIPTIONS.parse(ORDER, the_pack(), an_answer(the_pack(), reply))


def test_a_repair_asks_for_the_faulty_items_only() -> None:
    call = the_pack()
    answer = replied(call, replies(image_02=None))
    repair = repair_call(call, answer, {"image-02": ["it is missing"], "image-04": ["alt is empty"]})
    assert repair.items == ("image-02", "image-04")
    assert repair.item == "image-02-and-1-more"
    assert repair.repairs == call.id
    schema = repair.body["response_format"]["json_schema"]["schema"]
    assert schema["required"] == list(schema["properties"]) == ["image-02", "image-04"]
    assert call.body["response_format"]["json_schema"]["schema"]["required"] == list(call.items)
    assert "- image-04: alt is empty" in repair.body["messages"][-1]["content"]


def test_a_repair_of_one_item_is_read_as_a_pack_of_one() -> None:
    call = the_pack()
    repair = repair_call(call, replied(call, replies()), {"image-03": ["alt is the same as that of image-01"]})
    reading = DESCRIPTIONS.parse(ORDER, repair, replied(repair, {"image-03": described(3)}))
    assert repair.item == "image-03"
    assert list(reading.parsed) == ["image-03"]


def test_a_page_whose_slug_is_no_name_in_python_can_be_packed() -> None:
    order = an_order(pages=["Home", "Class", "2026"])
    [call] = STEPS[StepName.SEO].calls(order)
    assert call.items == ("page-0", "page-1", "page-2")
