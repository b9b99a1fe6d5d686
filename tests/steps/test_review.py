"""Visual feedback: what a model is shown, what its replies must have, and what they lead to."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from pressrun.calls import Call, StepName
from pressrun.steps import PIPELINE, REVIEW, STEPS, Asking, InvalidReply, Order
from pressrun.steps.review import ImageReview, better_prompts, looked_at, specimen_images
from pressrun.steps.vision import image_input_tokens, image_part, text_and_image_tokens
from pressrun.tokens import estimate_tokens
from tests.calls_builder import a_chat_reply, an_answer
from tests.steps.test_steps import an_order, objects


def drawn(width: int = 1536, height: int = 1024, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(file, kind)
    return file.getvalue()


def shown(call: Call) -> Image.Image:
    """The image that a call has the model look at."""
    [_, part] = call.body["messages"][-1]["content"]
    header, _, data = part["image_url"]["url"].partition(",")
    assert header == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def looking(*items: str, raw: bytes | None = None, **order: Any) -> Order:
    return an_order(**order).model_copy(update={"images": dict.fromkeys(items or ("image-01",), raw or drawn())})


def a_review(**changes: Any) -> dict[str, Any]:
    return {
        "faults": ["The hand in front has six fingers."],
        "brand_fit": 91,
        "subject": 88,
        "craft": 45,
        "better_prompt": "A baker's hands with five fingers each.",
        **changes,
    }


def parse(**changes: Any) -> Any:
    [call] = REVIEW.calls(looking())
    answer = an_answer(call, a_chat_reply(json.dumps(a_review(**changes))))
    [parsed] = REVIEW.parse(an_order(), call, answer).parsed.values()
    return parsed


def test_each_image_is_looked_at_in_a_call_of_its_own_and_none_unless_asked_for() -> None:
    assert [call.item for call in REVIEW.calls(looking("image-01", "image-04"))] == ["image-01", "image-04"]
    assert REVIEW.calls(an_order()) == []
    assert REVIEW not in PIPELINE


def test_the_hero_is_looked_at_first_then_the_others_in_the_order_of_the_plan() -> None:
    config = an_order().config
    hero = config.images[2].model_copy(update={"role": "hero"})
    config = config.model_copy(update={"images": [*config.images[:2], hero, *config.images[3:]]})
    assert looked_at(config, 3) == ["image-03", "image-01", "image-02"]
    assert looked_at(config, 0) == []
    assert len(looked_at(config, 100)) == len(config.images)


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (drawn(1536, 1024), (768, 512)),
        (drawn(1024, 1536, "PNG", "RGBA"), (512, 768)),
        (drawn(300, 200, "WEBP"), (300, 200)),
    ],
    ids=["landscape", "portrait with transparency", "small already"],
)
def test_the_model_is_shown_a_small_jpeg_at_low_detail(raw: bytes, size: tuple[int, int]) -> None:
    [call] = REVIEW.calls(looking(raw=raw))
    assert (shown(call).format, shown(call).size) == ("JPEG", size)
    assert call.body["messages"][-1]["content"][1]["image_url"]["detail"] == "low"


def test_the_same_image_is_the_same_call_and_another_image_is_another() -> None:
    first, second, other = (REVIEW.calls(looking(raw=raw))[0] for raw in (drawn(), drawn(), drawn(1024, 1024)))
    assert (first.key, first.id) == (second.key, second.id)
    assert first.key != other.key


def test_the_call_begins_like_every_other_and_tells_the_plan_and_the_palette() -> None:
    order = looking("image-02")
    [call] = REVIEW.calls(order)
    assert call.body["messages"][:-1] == order.opening
    assert call.body["prompt_cache_key"] == "harbour-bakery-review"
    text = call.body["messages"][-1]["content"][0]["text"]
    item = json.loads(text.partition("<item>")[2].partition("</item>")[0])
    plan = order.config.images[1]
    assert item == {"number": 2, **plan.model_dump(), "palette": order.config.palette.model_dump()}
    assert order.config.voice in order.opening[1]["content"]


def test_the_image_comes_first_where_prompts_are_not_to_begin_alike() -> None:
    [call] = REVIEW.calls(looking(asking=Asking(share_prefix=False)))
    assert call.body["messages"][0]["content"][1]["type"] == "image_url"


def test_an_image_made_from_a_better_prompt_is_judged_by_that_prompt() -> None:
    order = looking().model_copy(update={"refined_prompts": {"image-01": "A better loaf"}})
    assert '"prompt": "A better loaf"' in REVIEW.calls(order)[0].body["messages"][-1]["content"][0]["text"]


def test_the_schema_keeps_the_rules_of_strict_structured_output_and_bounds_the_scores() -> None:
    described = REVIEW.calls(looking())[0].body["response_format"]["json_schema"]
    assert (described["name"], described["strict"]) == ("image_review", True)
    [schema] = objects(described["schema"])
    assert sorted(schema["required"]) == sorted(schema["properties"])
    craft = schema["properties"]["craft"]
    assert (craft["minimum"], craft["maximum"]) == (0, 100)


def test_an_image_is_as_good_as_its_lowest_score_and_its_faults_are_advice_for_the_editor() -> None:
    parsed = parse()
    assert parsed.content.score == 45
    assert parsed.warnings == ("scored 45: The hand in front has six fingers.",)
    assert parse(faults=[], craft=90).warnings == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"craft": 101}, "craft"),
        ({"subject": -1}, "subject"),
        ({"brand_fit": "good"}, "brand_fit"),
        ({"better_prompt": "  "}, "better_prompt is empty"),
        ({"better_prompt": "A loaf by {{PHOTOGRAPHER}}"}, "better_prompt contains an unfilled placeholder"),
        ({"faults": ["Fine.", "<p>Six fingers</p>"]}, "fault 2 contains HTML"),
        ({"faults": [""]}, "fault 1 is empty"),
    ],
)
def test_a_review_that_cannot_be_acted_on_is_invalid(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidReply) as invalid:
        parse(**changes)
    assert fault in str(invalid.value)


def test_only_what_scored_less_is_made_again_and_from_the_better_prompt() -> None:
    reviews = {
        f"image-{craft}": ImageReview.model_validate(a_review(craft=craft, better_prompt=f"better than {craft}"))
        for craft in (45, 60, 61)
    }
    assert better_prompts(reviews, 60) == {"image-45": "better than 45"}
    assert better_prompts(reviews, None) == {}
    order = an_order().model_copy(update={"refined_prompts": {"image-02": "A better loaf"}})
    assert STEPS[StepName.IMAGES].calls(order)[1].body["prompt"].startswith("A better loaf\n\n")


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-4o", 85),
        ("gpt-4o-mini", 2833),
        ("gpt-4o-mini-2024-07-18", 2833),
        ("gpt-5", 70),
        ("gpt-5-mini", 415),
        ("gpt-5.4-nano", 630),
        ("gpt-6-luna", 308),
        ("qwen3-vl", 308),
    ],
)
def test_an_image_costs_what_the_model_asks_for_it(model: str, tokens: int) -> None:
    assert image_input_tokens(model) == tokens


def test_an_image_is_never_counted_as_the_text_that_carries_it() -> None:
    [call] = REVIEW.calls(looking())
    text, images = text_and_image_tokens(call)
    assert images == image_input_tokens("gpt-6-luna")
    assert "base64" not in text
    assert "Look at the image below" in text and "image_review" in text
    assert estimate_tokens(text) < len(image_part(drawn())["image_url"]["url"]) / 4


def test_a_call_without_an_image_is_all_text() -> None:
    [call] = STEPS[StepName.DESCRIPTIONS].calls(an_order())
    text, images = text_and_image_tokens(call)
    assert images == 0
    assert call.body["messages"][-1]["content"] in json.loads(text)[0][-1]["content"]


def test_the_forecast_counts_as_many_looks_as_there_will_be_before_there_are_images() -> None:
    order = an_order()
    planned = order.model_copy(update={"images": specimen_images(order.config, 3)})
    real = order.model_copy(update={"images": dict.fromkeys(looked_at(order.config, 3), drawn())})
    expected, needed = ([text_and_image_tokens(call) for call in REVIEW.calls(looked)] for looked in (planned, real))
    assert len(expected) == 3
    assert expected == needed
    assert REVIEW.output_tokens(order) > 0


def test_images_to_look_at_are_not_spelled_out_where_an_order_is_shown() -> None:
    assert len(repr(looking())) < len(repr(an_order())) + 100
