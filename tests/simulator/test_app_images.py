"""POST /v1/images/generations over real HTTP."""

import base64
import io

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from PIL import Image

from pressrun.simulator.images import image_tokens
from tests.simulator.driving import an_image


def pictures(reply: object) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(image.b64_json))) for image in reply.data]


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_a_picture_has_the_size_and_the_format_that_were_asked_for(client: OpenAI, output_format: str) -> None:
    reply = client.images.generate(**an_image(output_format=output_format))
    (picture,) = pictures(reply)
    assert (picture.size, picture.format) == ((1024, 640), output_format.upper())
    assert (reply.size, reply.quality, reply.output_format) == ("1024x640", "low", output_format)
    assert reply.data is not None and reply.data[0].url is None


def test_the_same_prompt_gives_the_same_picture_and_n_gives_different_ones(client: OpenAI) -> None:
    first, second = (client.images.generate(**an_image(n=2)) for _ in range(2))
    assert first.data == second.data
    assert first.data is not None and first.data[0].b64_json != first.data[1].b64_json


def test_the_usage_adds_up(client: OpenAI) -> None:
    usage = client.images.generate(**an_image(n=2)).usage
    assert usage is not None and usage.output_tokens_details is not None
    assert usage.input_tokens == usage.input_tokens_details.text_tokens > 0
    assert usage.output_tokens == usage.output_tokens_details.image_tokens == 2 * image_tokens(1024, 640, "low")
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


@pytest.mark.parametrize(
    ("width", "height", "quality", "tokens"),
    [
        (1024, 1024, "low", 272),
        (1024, 1024, "medium", 1056),
        (1024, 1024, "high", 4160),
        (1536, 1024, "low", 400),
        (1024, 1536, "medium", 1568),
        (1536, 1024, "high", 6208),
        (2048, 1024, "medium", 2112),
        (1024, 640, "low", 170),
    ],
)
def test_tokens_follow_from_size_and_quality(width: int, height: int, quality: str, tokens: int) -> None:
    assert image_tokens(width, height, quality) == tokens


def test_auto_is_decided_and_told(client: OpenAI) -> None:
    reply = client.images.generate(**an_image(size="auto", quality="auto"))
    assert (reply.size, reply.quality, reply.background) == ("1024x1024", "medium", "opaque")
    assert reply.usage is not None and reply.usage.output_tokens == 1056


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"response_format": "b64_json"}, "response_format", "unknown_parameter"),
        ({"style": "vivid"}, "style", "unknown_parameter"),
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": "gpt-6-luna"}, "model", "invalid_value"),
        ({"n": 11}, "n", "integer_above_max_value"),
        ({"quality": "hd"}, "quality", "invalid_value"),
        ({"quality": "max", "model": "gpt-image-2"}, "quality", "invalid_value"),
        ({"size": "1000x1000"}, "size", "invalid_value"),
        ({"size": "512x512"}, "size", "invalid_value"),
        ({"size": "3200x1024"}, "size", "invalid_value"),
        ({"size": "3856x2160"}, "size", "invalid_value"),
        ({"size": "3840x2176"}, "size", "invalid_value"),
        ({"size": "large"}, "size", "invalid_value"),
        ({"output_format": "bmp"}, "output_format", "invalid_value"),
        ({"output_format": "gif"}, "output_format", "unsupported_value"),
        ({"output_compression": 50}, "output_compression", "invalid_value"),
        ({"output_compression": 101, "output_format": "webp"}, "output_compression", "integer_above_max_value"),
        ({"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value"),
        ({"moderation": "off"}, "moderation", "invalid_value"),
        ({"complexity": "low"}, "complexity", "unsupported_parameter"),
        ({"stream": True}, "stream", "unsupported_value"),
    ],
)
def test_what_openai_would_refuse_is_refused(client: OpenAI, changes: dict[str, object], param: str, code: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.post("/images/generations", cast_to=object, body=an_image(**changes))
    assert (refusal.value.param, refusal.value.code) == (param, code)


@pytest.mark.parametrize("model", ["dall-e-3", "gpt-image-1"])
def test_a_retired_model_is_not_found(client: OpenAI, model: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        client.images.generate(**an_image(model=model))
    assert refusal.value.code == "model_not_found"


def test_the_newest_family_is_answered_in_real_time(client: OpenAI) -> None:
    assert pictures(client.images.generate(**an_image(model="gpt-image-2.6-flare", complexity="low")))
