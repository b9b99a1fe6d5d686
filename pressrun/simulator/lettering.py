"""Text on an image, in Latin letters and Traditional Chinese, on any machine.

Invariant: the text is readable: the font comes with the package, and characters that it lacks are left out.
"""

import io
import re
from functools import cache
from importlib.resources import files

from PIL import Image, ImageDraw, ImageFont

from pressrun.simulator.colours import Rgb

__all__ = ["broken_lines", "can_write", "caption_of", "load_font", "write_caption"]

MARK = "SIMULATED"
FONT = "NotoSansCJKtc-Regular-subset.otf"
NOTHING = "\U0010fff0"
"""A character that no font has; a character that looks like it cannot be drawn."""
CAPTION = 150
"""Maximum number of the prompt's characters on the image."""
LEAST_SIDE = 48
"""Shorter side in pixels below which nothing is written."""
PAPER: Rgb = (250, 248, 243)


@cache
def load_font(size: int) -> ImageFont.FreeTypeFont:
    data = files("pressrun.simulator").joinpath("fonts", FONT).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def can_write(character: str) -> bool:
    font = load_font(16)
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask(NOTHING))


def caption_of(prompt: str) -> str:
    """The prompt's first paragraph, on one line, without characters that the font lacks."""
    first = next((part for part in prompt.split("\n\n") if part.strip()), "")[: 2 * CAPTION]
    text = " ".join("".join(c for c in first if c.isspace() or (c.isprintable() and can_write(c))).split())
    return text if len(text) <= CAPTION else text[:CAPTION].rstrip() + "..."


def broken_lines(text: str, font: ImageFont.FreeTypeFont, room: float, most: int) -> list[str]:
    """The text in at most `most` lines no wider than `room` pixels, broken between words and between CJK characters."""
    lines = [""]
    for piece in re.findall(r"[\u2e80-\u9fff\uff00-\uffef]|[^\s\u2e80-\u9fff\uff00-\uffef]+\s*|\s+", text):
        if font.getlength((lines[-1] + piece).rstrip()) <= room:
            lines[-1] += piece
        elif len(lines) < most:
            lines.append(_squeezed(piece, font, room))
        else:
            lines[-1] = _squeezed(lines[-1].rstrip(" ,") + "...", font, room)
            break
    return [line.strip() for line in lines if line.strip()]


def _squeezed(text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    if font.getlength(text.rstrip()) <= room:
        return text
    while len(text) > 1 and font.getlength(text + "...") > room:
        text = text[:-1]
    return text + "..."


def write_caption(picture: Image.Image, prompt: str, ground: Rgb) -> None:
    """Write the first words of `prompt` at the bottom, on a band of the colour `ground`, and the mark at the top right.

    An image that is too small for text stays unchanged.
    """
    wide, high = picture.size
    short = min(wide, high)
    if short < LEAST_SIDE:
        return
    size = max(9, round(short / 30))
    margin = round(size * 1.5)
    font = load_font(size)
    lines = broken_lines(caption_of(prompt), font, wide - 2 * margin, 3)
    pitch = round(size * 1.45)
    band = round(margin * 2.4 + pitch * len(lines))
    shade = Image.linear_gradient("L").resize((wide, band)).point(lambda value: min(190, value * 5 // 4))
    picture.paste(ground, (0, high - band), shade)
    draw = ImageDraw.Draw(picture)
    top = high - margin - pitch * len(lines)
    for at, line in enumerate(lines):
        draw.text((margin, top + at * pitch), line, font=font, fill=PAPER)
    _stamp(draw, wide, max(8, round(size * 0.62)), margin, ground)


def _stamp(draw: ImageDraw.ImageDraw, wide: int, size: int, margin: int, colour: Rgb) -> None:
    font = load_font(size)
    length = font.getlength(MARK)
    left, top = wide - margin - length - size, margin * 0.7
    box = (left, top, wide - margin + size * 0.4, top + size * 1.9)
    draw.rounded_rectangle(box, radius=size, fill=colour)
    draw.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), MARK, font=font, fill=PAPER, anchor="mm")
