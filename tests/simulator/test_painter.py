"""Painted stand-ins: right format and size, readable captions in Latin and Chinese, the same for the same prompt."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from pressrun.simulator.lettering import NOTHING, broken_lines, can_write, caption_of, load_font
from pressrun.simulator.painter import paint_image

PROMPT = "Round loaves on a linen cloth, low morning sun\n\nLet #1f3a4d and #e9b44c appear where natural."


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", [(1536, 1024), (1024, 1536), (1024, 1024), (512, 2048), (64, 64)])
def test_a_picture_has_the_format_and_the_size_that_were_asked(output_format: str, size: tuple[int, int]) -> None:
    image = _opened(paint_image(PROMPT, *size, output_format, 80))
    assert image.format == output_format.upper()
    assert image.size == size


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="gif"):
        paint_image(PROMPT, 64, 64, "gif", None)


def test_the_same_prompt_gives_the_same_bytes_and_another_prompt_others() -> None:
    assert paint_image(PROMPT, 300, 200, "png", None) == paint_image(PROMPT, 300, 200, "png", None)
    assert paint_image(PROMPT, 300, 200, "png", None) != paint_image(PROMPT + "!", 300, 200, "png", None)


def test_more_compression_makes_a_smaller_file() -> None:
    assert len(paint_image(PROMPT, 600, 400, "jpeg", 40)) < len(paint_image(PROMPT, 600, 400, "jpeg", None))


def test_a_web_picture_stays_small() -> None:
    assert len(paint_image(PROMPT, 1536, 1024, "jpeg", 85)) < 200_000


@pytest.mark.parametrize("character", "A茶麵鹽齒灣臺，。「」（）ㄅéß—")
def test_characters_of_our_languages_are_in_the_font(character: str) -> None:
    assert can_write(character)
    assert bytes(load_font(40).getmask(character)) != bytes(load_font(40).getmask(NOTHING))


@pytest.mark.parametrize("character", ["\U0001f600", "\u0e01", "\ue000", NOTHING])
def test_characters_that_the_font_lacks_are_left_out(character: str) -> None:
    assert caption_of(f"a{character}b") == "ab"


def test_a_chinese_prompt_is_written_on_the_picture() -> None:
    def foot(prompt: str) -> Image.Image:
        return _opened(paint_image(prompt, 600, 400, "png", None)).crop((0, 340, 600, 400)).convert("L")

    bright = foot("清晨的茶園與老宅").point(lambda value: 255 if value > 225 else 0)
    assert bright.getbbox() is not None
    assert ImageChops.difference(foot("清晨的茶園與老宅"), foot("清晨的茶園與新宅")).getbbox() is not None


@given(st.text(max_size=300), st.integers(60, 900), st.integers(1, 4))
def test_lines_of_a_caption_fit_the_room(text: str, room: int, most: int) -> None:
    font = load_font(20)
    lines = broken_lines(caption_of(text), font, room, most)
    assert len(lines) <= most
    assert all(font.getlength(line) <= room for line in lines)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200), st.integers(1, 120), st.integers(1, 120))
def test_no_prompt_and_no_size_is_too_strange_to_paint(prompt: str, width: int, height: int) -> None:
    assert _opened(paint_image(prompt, width, height, "png", None)).size == (width, height)


@pytest.mark.parametrize(
    "prompt", ["", "\n\n\n", "\ud800 broken", "#123456", "\x00\x07", "\u202eright to left", "字" * 5_000]
)
def test_weird_prompts_are_painted_too(prompt: str) -> None:
    assert paint_image(prompt, 200, 120, "jpeg", 50)
