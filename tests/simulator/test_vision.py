"""Chat with images, over real HTTP: what is taken, what it costs, and what the simulator says that it saw."""

import base64
import io
from typing import Any

import pytest
from openai import BadRequestError, OpenAI
from PIL import Image

from pressrun.calls import Answer, Call, Route
from pressrun.simulator.tokens import count_tokens, stand_in
from pressrun.simulator.writer import write_reply
from pressrun.simulator.writing.looks import MENDED
from pressrun.simulator.writing.words import LANGUAGES, Words, load_prose
from pressrun.steps import CONFIG, REVIEW, Order
from pressrun.steps.config import SiteConfig
from pressrun.steps.review import ImageReview, better_prompts, looked_at, specimen_images
from pressrun.steps.vision import image_input_tokens
from tests.builders import a_brief
from tests.simulator.driving import a_chat, a_line, read_lines, submit, wait_for


def a_picture(kind: str = "JPEG", colour: str = "white") -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def an_image_part(**changes: Any) -> dict[str, Any]:
    image = {"url": a_picture(), "detail": "low", **changes}
    return {"type": "image_url", "image_url": {name: value for name, value in image.items() if value is not None}}


def a_look(*parts: dict[str, Any], role: str = "user", **changes: Any) -> dict[str, Any]:
    """A body with the parts after a question."""
    content = [{"type": "text", "text": "What is wrong with it?"}, *parts]
    return a_chat(messages=[{"role": role, "content": content}], **changes)


def prompt_tokens(client: OpenAI, body: dict[str, Any]) -> int:
    usage = client.chat.completions.create(**body).usage
    assert usage is not None
    return int(usage.prompt_tokens)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_images_in_data_uris_are_looked_at(client: OpenAI, kind: str) -> None:
    reply = client.chat.completions.create(**a_look(an_image_part(url=a_picture(kind))))
    assert reply.choices[0].message.content


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-5.4-nano", "gpt-6-luna"])
def test_an_image_is_counted_as_what_the_model_asks_for_it_and_never_as_text(client: OpenAI, model: str) -> None:
    bare, one, two = (prompt_tokens(client, a_look(*[an_image_part()] * count, model=model)) for count in range(3))
    assert one - bare == two - one == image_input_tokens(model)


def test_two_prompts_that_differ_in_the_image_only_are_cached_up_to_it(client: OpenAI) -> None:
    brief = {"role": "user", "content": "A florist at the quay who is known for her tulips. " * 108}

    def cached(colour: str) -> int:
        look = a_look(*[an_image_part(url=a_picture(colour=colour))] * 3)
        reply = client.chat.completions.create(**{**look, "messages": [brief, *look["messages"]]})
        assert reply.usage is not None and reply.usage.prompt_tokens_details is not None
        return int(reply.usage.prompt_tokens_details.cached_tokens or 0)

    nothing, text, everything = cached("red"), cached("blue"), cached("red")
    assert (nothing, text) == (0, count_tokens(brief["content"]) // 128 * 128)
    assert everything >= text + 3 * image_input_tokens("gpt-6-luna") - 128


URL = "messages[0].content[1].image_url.url"


@pytest.mark.parametrize(
    ("part", "param", "code", "said"),
    [
        (an_image_part(url="https://example.com/a.jpg"), URL, "unsupported_value", "web address is not simulated"),
        (an_image_part(url="/tmp/a.jpg"), URL, "invalid_value", "without the 'data:' prefix"),
        (an_image_part(url=7), URL, "invalid_value", "without the 'data:' prefix"),
        (an_image_part(url="data:text/plain;base64,aGk="), URL, "invalid_value", "MIME type 'text/plain'"),
        (an_image_part(url="data:image/jpeg,aGk="), URL, "invalid_value", "MIME type"),
        (an_image_part(url="data:image/gif;base64,aGk="), URL, "unsupported_value", "GIF is not simulated"),
        (an_image_part(url="data:image/jpeg;base64,"), URL, "invalid_value", "empty base64"),
        (an_image_part(url="data:image/jpeg;base64,a!"), URL, "invalid_value", "invalid base64"),
        (an_image_part(url="data:image/jpeg;base64,aGk="), None, "invalid_image_format", "unsupported image"),
        (an_image_part(url=a_picture()[:303]), None, "invalid_image_format", "unsupported image"),
        (an_image_part(url=None), URL, "missing_required_parameter", "Missing"),
        (an_image_part(detail="huge"), "messages[0].content[1].image_url.detail", "invalid_value", "'original'"),
        (an_image_part(detail="high"), "messages[0].content[1].image_url.detail", "unsupported_value", "'low'"),
        (an_image_part(detail=None), "messages[0].content[1].image_url.detail", "unsupported_value", "'low'"),
        (an_image_part(size=3), "messages[0].content[1].image_url.size", "unknown_parameter", "Unknown"),
        ({"type": "image_url"}, "messages[0].content[1].image_url", "missing_required_parameter", "Missing"),
        ({"type": "image_url", "image_url": a_picture()}, "messages[0].content[1].image_url", "invalid_type", "object"),
        ({**an_image_part(), "prompt_cache_breakpoint": {}}, "messages[0].content[1].prompt_cache_breakpoint",
         "unsupported_value", "not simulated"),
        ({**an_image_part(), "alt": "x"}, "messages[0].content[1].alt", "unknown_parameter", "Unknown"),
        ({"type": "input_audio"}, "messages[0].content", "unsupported_value", "neither text nor image_url"),
    ],
)  # fmt: skip
def test_images_that_openai_or_the_simulator_does_not_take_are_refused(
    client: OpenAI, part: dict[str, Any], param: str | None, code: str, said: str
) -> None:
    with pytest.raises(BadRequestError, match=said) as refusal:
        client.post("/chat/completions", cast_to=object, body=a_look(part))
    assert (refusal.value.param, refusal.value.code) == (param, code)


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_users_show_images(client: OpenAI, role: str) -> None:
    with pytest.raises(BadRequestError, match="only allowed for messages with role 'user'") as refusal:
        client.post("/chat/completions", cast_to=object, body=a_look(an_image_part(), role=role))
    assert (refusal.value.param, refusal.value.code) == ("messages[0]", "invalid_value")


def test_the_word_json_is_not_looked_for_in_an_image(client: OpenAI) -> None:
    header, _, data = a_picture("PNG").partition(",")
    raw = base64.b64decode(data)
    says_json = base64.b64encode(raw + b"\0" * (-len(raw) % 3) + base64.b64decode("json")).decode()
    assert says_json.endswith("json")
    with pytest.raises(BadRequestError, match="must contain the word 'json'"):
        look = a_look(an_image_part(url=f"{header},{says_json}"), response_format={"type": "json_object"})
        client.chat.completions.create(**look)


def test_a_batch_may_have_images_in_it_too(client: OpenAI) -> None:
    batch = wait_for(client, submit(client, a_line("good", a_look(an_image_part())), a_line("bad", a_look({}))))
    assert list(read_lines(client, batch.output_file_id)) == ["good"]
    assert list(read_lines(client, batch.error_file_id)) == ["bad"]


@pytest.mark.parametrize("tokens", [1, 16, 70, 2833])
def test_what_stands_in_for_an_image_has_its_tokens_to_the_last_one(tokens: int) -> None:
    assert count_tokens(stand_in("an image", tokens)) == tokens
    assert count_tokens("x" + stand_in("an image", tokens) + "yyy") == tokens + 1
    assert stand_in("an image", tokens) != stand_in("another", tokens)


def _answer(call: Call) -> Answer:
    choice = {"message": {"content": write_reply(call.body)}, "finish_reason": "stop"}
    return Answer(call_id=call.id, route=Route.REALTIME, body={"choices": [choice]})


def _planned(language: str, **fields: Any) -> Order:
    order = Order(
        brief=a_brief(language=language, **fields),
        text_model="gpt-6-luna",
        image_model="gpt-image-2.5-flare",
        image_quality="low",
    )
    [call] = CONFIG.calls(order)
    [parsed] = CONFIG.parse(order, call, _answer(call)).parsed.values()
    return order.model_copy(update={"config": parsed.content})


def _reviews(order: Order, count: int = 10) -> dict[str, ImageReview]:
    config: SiteConfig = order.config
    order = order.model_copy(update={"images": specimen_images(config, count)})
    readings = [REVIEW.parse(order, call, _answer(call)) for call in REVIEW.calls(order)]
    return {item: parsed.content for reading in readings for item, parsed in reading.parsed.items()}


@pytest.mark.parametrize("name", ["Harbour Bakery", "Quay Florist", "Radwerk", "Padaria", "Morning Light"])
def test_one_image_in_five_is_faulty_and_the_others_are_good(name: str) -> None:
    reviews = list(_reviews(_planned("en-GB", name=name)).values())
    faulty = [review for review in reviews if review.score < 60]
    assert len(faulty) == 2
    assert all(review.faults for review in faulty)
    for review in reviews:
        assert review in faulty or (review.faults == [] and review.score >= 82)
        assert max(review.brand_fit, review.subject, review.craft) <= 96


def test_an_image_that_was_made_again_from_the_better_prompt_is_good() -> None:
    order = _planned("en-GB")
    better = better_prompts(_reviews(order), 60)
    assert better
    again = _reviews(order.model_copy(update={"refined_prompts": better}))
    assert [item for item, review in again.items() if review.score < 82] == []


def test_a_better_prompt_is_the_prompt_and_something_more() -> None:
    order = _planned("en-GB")
    for item, review in _reviews(order).items():
        plan = order.config.images[looked_at(order.config, 10).index(item)]
        assert review.better_prompt.startswith(plan.prompt.rstrip(". "))
        assert len(review.better_prompt) > len(plan.prompt)


@pytest.mark.parametrize(("language", "prose"), [("en-US", "en"), ("de-DE", "de"), ("zh-TW", "zh"), ("pt-BR", "en")])
def test_faults_are_told_in_the_language_of_the_site_where_the_simulator_knows_it(language: str, prose: str) -> None:
    order = _planned(language, image_count=15)
    told = {fault for review in _reviews(order, 15).values() for fault in review.faults}
    words = Words.of(order.brief)
    known = [words.fill(text, 1) for texts in load_prose(prose, "site.json")["faults"].values() for text in texts]
    assert len(told) >= 3
    assert told <= set(known)


def test_every_language_has_the_same_faults_to_tell() -> None:
    kinds = [{kind: len(texts) for kind, texts in load_prose(one, "site.json")["faults"].items()} for one in LANGUAGES]
    assert kinds == [dict.fromkeys([*MENDED, "minor"], 2)] * len(LANGUAGES)


def test_the_same_look_gets_the_same_reply() -> None:
    order = _planned("de-DE")
    assert _reviews(order) == _reviews(order)


def test_a_look_without_a_plan_gets_a_review_all_the_same() -> None:
    order = _planned("en-GB")
    [call] = REVIEW.calls(order.model_copy(update={"images": specimen_images(order.config, 1)}))
    for messages in (order.opening, []):
        reply = write_reply({**call.body, "messages": messages})
        assert ImageReview.model_validate_json(reply).better_prompt
