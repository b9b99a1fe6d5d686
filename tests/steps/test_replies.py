import base64
import io
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pressrun.calls import Answer, Call, Route, StepName
from pressrun.steps import STEPS, InvalidReply, read_answer, repair_call
from pressrun.steps.replies import MOST_PIXELS, chat_text, image_file, json_content
from pressrun.untrusted import CONTROL
from tests.steps.test_steps import an_order


def a_reply(message: Any, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": "stop", **choice}]}


THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": '{"a": 1}'}]


@pytest.mark.parametrize(
    "body",
    [
        a_reply({"content": '{"a": 1}'}),
        a_reply({"content": THINKING}),
        a_reply({"content": [{"type": "text", "text": '{"a"'}, {"type": "text", "text": ": 1}"}]}),
        a_reply({"content": ['{"a": 1}']}),
        a_reply({"content": {"type": "text", "text": '{"a": 1}'}}),
        a_reply({"content": [{"type": "text", "text": {"value": '{"a": 1}', "annotations": []}}]}),
        a_reply({"content": {"a": 1}}),
        a_reply({"content": [{"type": "TEXT", "text": '{"a": 1}'}]}),
        a_reply({"content": None, "tool_calls": [{"function": {"name": "json_tool_call", "arguments": '{"a": 1}'}}]}),
        a_reply(None, text='{"a": 1}'),
        a_reply('{"a": 1}'),
        a_reply({"content": '```json\n{"a": 1}\n```'}),
        a_reply({"content": '<think>Let me see {"a": 2}</think>\n{"a": 1}'}),
        {"choices": [None, {"message": {"content": '{"a": 1}'}}]},
    ],
    ids=["text", "a thought before it", "parts", "a list of text", "one part", "a value in a part", "parsed",
         "a type in capitals", "the arguments of a tool", "text beside the message", "a message as text",
         "in a code block", "after thoughts", "beside a null"],
)  # fmt: skip
def test_the_text_of_a_reply_is_read_in_every_shape(body: dict[str, Any]) -> None:
    assert json_content(chat_text(body).text) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"choices": [None]}, "the reply has no choices"),
        ({"choices": [], "error": {"message": "No credits"}}, "the reply has no choices: No credits"),
        (a_reply({"content": None}), "the reply is empty"),
        (a_reply({"content": "  "}), "the reply is empty"),
        (a_reply(None), "the reply is empty"),
        (a_reply(7), "the reply is empty"),
        (a_reply({"content": [{"type": "refusal", "refusal": "No.\x1b[2J"}]}), "the model refused: No.[2J"),
        (a_reply({"content": "x"}, finish_reason="SAFETY"), "the provider's content filter cut the reply"),
        (a_reply({"content": "x"}, finish_reason="error", error={"message": "upstream gone"}),
         "the provider could not finish the reply: upstream gone"),
    ],
)  # fmt: skip
def test_a_reply_without_text_says_why(body: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidReply) as invalid:
        chat_text(body)
    assert invalid.value.faults == [fault]


def test_control_characters_go_wherever_they_are() -> None:
    assert json_content('{"a\\u0000": ["x\\u001b[2J", "left\\u202eright\\ufeff"]}') == {"a": ["x[2J", "leftright"]}


@pytest.mark.parametrize(
    ("content", "value"),
    [('{"a": "one\ntwo"}', "one\ntwo"), ('{"a": "half \\ud83d"}', "half "), ('{"a": "b\x07"}', "b")],
)
def test_what_json_forbids_and_models_write_is_read(content: str, value: str) -> None:
    assert json_content(content) == {"a": value}


def drawn(kind: str = "PNG", size: tuple[int, int] = (80, 80)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(file, kind)
    return file.getvalue()


SOUND = {kind: drawn(kind) for kind in ("JPEG", "PNG", "WEBP")}
PICTURE = SOUND["PNG"]
PLAIN = base64.b64encode(PICTURE).decode()
CLOTHES = {
    "plain": {"b64_json": PLAIN},
    "a data URI": {"b64_json": f"data:image/png;base64,{PLAIN}"},
    "a data URI as its address": {"url": f"data:image/png;base64,{PLAIN}"},
    "wrapped": {"b64_json": "\r\n".join(PLAIN[at : at + 76] for at in range(0, len(PLAIN), 76))},
    "a line end": {"b64_json": f"{PLAIN}\n"},
    "the alphabet of URLs": {"b64_json": base64.urlsafe_b64encode(PICTURE).decode()},
    "a data URI in capitals": {"b64_json": f"DATA:image/png;base64,{PLAIN}"},
    "no padding": {"b64_json": PLAIN.rstrip("=")},
}


@pytest.mark.parametrize("clothes", CLOTHES)
@pytest.mark.parametrize("wrapped", [True, False], ids=["in a list", "alone"])
def test_an_image_is_read_in_every_form(clothes: str, wrapped: bool) -> None:
    image = CLOTHES[clothes]
    assert image_file({"data": [image] if wrapped else image}).data == PICTURE


@pytest.mark.parametrize(
    "body",
    [{"data": [PLAIN]}, {"images": [{"b64_json": PLAIN}]}, {"data": [{"revised_prompt": "x"}, {"b64_json": PLAIN}]}],
    ids=["as text", "under another name", "in the second entry"],
)
def test_an_image_is_found_where_it_is(body: dict[str, Any]) -> None:
    assert image_file(body).data == PICTURE


@pytest.mark.parametrize(
    ("body", "fault", "refused"),
    [
        ({"data": []}, "the provider returned no image", True),
        ({}, "the provider returned no image", False),
        ({"data": [{"url": "https://images.example/1.png"}]}, "a link instead of an image", True),
        ({"data": [{"b64_json": None}]}, "the reply has no image (b64_json)", False),
        ({"data": [{"b64_json": None, "respect_moderation": False}]}, "its moderation held it back", True),
        ({"data": [{"b64_json": "not base64!"}]}, "is not base64", False),
        ({"data": [{"b64_json": PLAIN[:200]}]}, "cannot be read", False),
        ({"data": [{"b64_json": base64.b64encode(b"<svg/>").decode()}]}, "cannot be read", False),
        ({"data": [{"b64_json": base64.b64encode(drawn("PNG", (8, 8))).decode()}]}, "8 x 8", False),
    ],
)
def test_what_is_no_image_says_why(body: dict[str, Any], fault: str, refused: bool) -> None:
    with pytest.raises(InvalidReply) as invalid:
        image_file(body)
    assert fault in invalid.value.faults[0]
    assert invalid.value.refused is refused


def test_an_image_of_too_many_pixels_is_not_decoded() -> None:
    file = io.BytesIO()
    Image.new("1", (MOST_PIXELS // 1000, 1001)).save(file, "PNG")
    with pytest.raises(InvalidReply, match="50000 x 1001 pixels"):
        image_file({"data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "type", "text", "refusal", "finish_reason", "error", "data", "b64_json",
             "url", "usage", "prompt_tokens", "value", "detail"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
REPLY = st.dictionaries(st.sampled_from(["choices", "data", "error", "usage", "message"]), JSON, max_size=4)
ORDER = an_order()
CALLS = [step.calls(ORDER)[0] for step in (STEPS[StepName.ARTICLES], STEPS[StepName.IMAGES], STEPS[StepName.SEO])]


def check(call: Call, body: dict[str, Any]) -> None:
    """Read a reply as the flow does, to a repair if it is invalid."""
    answer = Answer(call_id=call.id, route=Route.BATCH, body=body)
    try:
        read = read_answer(STEPS[call.step], ORDER, call, answer)
    except InvalidReply as invalid:
        assert invalid.faults
        repair_call(call, answer, dict.fromkeys(call.covers, invalid.faults))
        return
    assert read.parsed.keys() | read.faults.keys() == set(call.covers)


@given(st.sampled_from(CALLS), REPLY)
def test_any_json_is_read_or_is_an_invalid_reply(call: Call, body: dict[str, Any]) -> None:
    check(call, body)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_text_is_json_without_control_characters_or_an_invalid_reply(content: bytes) -> None:
    try:
        value = json_content(content.decode("utf-8", "replace"))
    except InvalidReply:
        return
    assert not CONTROL.search(json.dumps(value, ensure_ascii=False))


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_a_damaged_image_is_an_image_or_an_invalid_reply(seed: int, kind: str) -> None:
    random = Random(seed)
    damaged = bytearray(SOUND[kind])
    for _ in range(random.randint(1, 12)):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    check(CALLS[1], {"data": [{"b64_json": base64.b64encode(damaged).decode()}]})
