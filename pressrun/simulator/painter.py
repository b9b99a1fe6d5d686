"""Drawn stand-ins for an image model's pictures.

Invariant: the same prompt, size and format always give the same picture, and nobody can take it for a photograph:
each is marked SIMULATED and carries the first words of its prompt.
"""

import io
import math
import re
from functools import cache
from importlib.resources import files
from random import Random

from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont

from pressrun.simulator.writing.asked import stable_number

__all__ = ["paint_image"]

CANVAS = 640
"""Pixels of the longer side while painting; shapes are soft, so enlarging them does no harm and saves time."""
MARK = "SIMULATED"
FONT = "NotoSansCJKtc-Regular-subset.otf"
NOTHING = "\U0010fff0"
"""A character that no font has; what looks like it cannot be written."""
CAPTION = 150
"""Most characters of the prompt that are written on the picture."""
MOODS = (
    ("#27445c", "#e3a04f"),
    ("#365943", "#e08e5b"),
    ("#5b3a54", "#e5a88b"),
    ("#2d5a63", "#f0c46c"),
    ("#6a4a35", "#e9b872"),
    ("#33426b", "#e88f7a"),
)
"""Main and accent colour for a prompt that names none."""

Rgb = tuple[int, int, int]


def paint_image(prompt: str, width: int, height: int, output_format: str, compression: int | None) -> bytes:
    """An encoded picture of `width` x `height` pixels.

    `output_format` is png, jpeg or webp; `compression` is the quality from 0 to 100 of the last two, 100 when None, as
    the Images API has it. Raises `ValueError` for another format.
    """
    if output_format not in ("png", "jpeg", "webp"):
        raise ValueError(f"cannot write images as {output_format!r}")
    rng = Random(stable_number(prompt))
    main, accent = _colours(prompt, rng)
    scale = min(1.0, CANVAS / max(width, height))
    small = (max(2, round(width * scale)), max(2, round(height * scale)))
    art = rng.choice((_hills, _arches, _still_life, _rooms))(small, main, accent, rng)
    picture = art.resize((width, height), Image.Resampling.BICUBIC)
    _write(picture, prompt, main)
    return _encoded(picture, output_format, compression)


def _colours(prompt: str, rng: Random) -> tuple[Rgb, Rgb]:
    """The first two colours that the prompt names as #rrggbb, else a pair picked by its hash; the main one is tinted a
    little, so that a site's pictures belong together without being alike."""
    named = re.findall(r"#[0-9a-fA-F]{6}\b", prompt)
    main, accent = rng.choice(MOODS)
    if named:
        main, accent = named[0], named[1] if len(named) > 1 else accent
    return _mix(_rgb(main), _rgb(accent), rng.choice((0.0, 0.1, 0.2))), _rgb(accent)


def _rgb(colour: str) -> Rgb:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)


def _gradient(size: tuple[int, int], top: Rgb, bottom: Rgb) -> Image.Image:
    strip = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), strip)


def _glow(picture: Image.Image, centre: tuple[float, float], radius: float, colour: Rgb, strength: int) -> None:
    """A soft light around `centre`."""
    side = max(2, round(2 * radius))
    mask = (
        Image.radial_gradient("L").resize((side, side)).point(lambda value: max(0, 255 - 2 * value) * strength // 255)
    )
    picture.paste(colour, (round(centre[0] - radius), round(centre[1] - radius)), mask)


def _soft(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def _hills(size: tuple[int, int], main: Rgb, accent: Rgb, rng: Random) -> Image.Image:
    """Layers of hills under a low sun."""
    wide, high = size
    short = min(size)
    picture = _gradient(size, _mix(main, WHITE, 0.55), _mix(accent, WHITE, 0.7))
    sun = (wide * rng.uniform(0.2, 0.8), high * rng.uniform(0.24, 0.38))
    _glow(picture, sun, short * 0.55, _mix(accent, WHITE, 0.5), 210)
    draw = ImageDraw.Draw(picture)
    _disc(draw, sun, short * 0.085, _mix(accent, WHITE, 0.35))
    picture = _soft(picture, 1.2)
    for layer in range(5):
        share = layer / 4
        level = high * (0.46 + 0.12 * layer)
        colour = _mix(_mix(main, _mix(accent, WHITE, 0.6), 0.62 * (1 - share)), BLACK, 0.28 * share)
        _ridge(picture, level, high * (0.075 - 0.008 * layer), colour, rng)
    return picture


def _ridge(picture: Image.Image, level: float, swing: float, colour: Rgb, rng: Random) -> None:
    wide, high = picture.size
    waves = [(rng.uniform(0.6, 1.4), rng.uniform(0, 6.3), 1.0), (rng.uniform(2, 3.4), rng.uniform(0, 6.3), 0.35)]
    line = [
        (x, level + swing * sum(part * math.sin(rate * 6.3 * x / wide + start) for rate, start, part in waves))
        for x in range(0, wide + 4, 4)
    ]
    ImageDraw.Draw(picture).polygon([*line, (wide + 4, high), (0, high)], fill=colour)


def _disc(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: Rgb) -> None:
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _arches(size: tuple[int, int], main: Rgb, accent: Rgb, rng: Random) -> Image.Image:
    """A row of arches with light falling through one of them."""
    wide, high = size
    wall = _mix(main, WHITE, 0.78)
    picture = _gradient(size, _mix(wall, WHITE, 0.3), _mix(wall, main, 0.22))
    draw = ImageDraw.Draw(picture)
    floor = high * 0.8
    draw.rectangle((0, floor, wide, high), fill=_mix(accent, main, 0.45))
    count = max(2, round(3 * wide / high))
    lit = rng.randrange(count)
    step = wide / count
    for at in range(count):
        middle, half = step * (at + 0.5), step * 0.31
        top = high * 0.2
        inside = _mix(accent, WHITE, 0.45) if at == lit else _mix(main, BLACK, 0.12)
        draw.rectangle((middle - half, top + half, middle + half, floor), fill=inside)
        draw.ellipse((middle - half, top, middle + half, top + 2 * half), fill=inside)
    middle = step * (lit + 0.5)
    beam = [(middle - step * 0.31, floor), (middle + step * 0.31, floor), (middle + step * 0.75, high), (middle, high)]
    draw.polygon(beam, fill=_mix(accent, WHITE, 0.35))
    picture = _soft(picture, 1.4)
    _glow(picture, (middle, high * 0.5), min(size) * 0.6, _mix(accent, WHITE, 0.7), 130)
    return picture


def _still_life(size: tuple[int, int], main: Rgb, accent: Rgb, rng: Random) -> Image.Image:
    """Vessels on a table before a plain wall."""
    wide, high = size
    short = min(size)
    picture = _gradient(size, _mix(main, WHITE, 0.72), _mix(main, WHITE, 0.5))
    _glow(picture, (wide * rng.uniform(0.15, 0.4), high * 0.2), short * 0.9, _mix(accent, WHITE, 0.8), 200)
    table = high * 0.68
    draw = ImageDraw.Draw(picture)
    wood = _mix(_mix(main, accent, 0.35), WHITE, 0.18)
    draw.rectangle((0, table, wide, high), fill=wood)
    colours = [_mix(main, BLACK, 0.15), accent, _mix(accent, main, 0.5), _mix(main, WHITE, 0.35)]
    rng.shuffle(colours)
    count = 3 if wide <= high else 4
    left, span = wide * 0.16, wide * 0.68
    for at, colour in enumerate(colours[:count]):
        middle = left + span * (at + 0.5) / count
        foot, half = table + short * rng.uniform(0.03, 0.08), short * rng.uniform(0.075, 0.12)
        shadow = (middle - half * 0.6, foot - half * 0.2, middle + half * 2.4, foot + half * 0.22)
        draw.ellipse(shadow, fill=_mix(wood, BLACK, 0.25))
        _vessel(draw, (middle, foot), half, colour, rng)
    return _soft(picture, 1.3)


def _vessel(draw: ImageDraw.ImageDraw, at: tuple[float, float], half: float, colour: Rgb, rng: Random) -> None:
    x, foot = at
    tall = half * rng.uniform(1.6, 3.6)
    shade = _mix(colour, BLACK, 0.28)
    draw.ellipse((x - half, foot - 1.7 * half, x + half, foot + half * 0.15), fill=colour)
    draw.polygon(
        [
            (x - half * 0.95, foot - half),
            (x - half * 0.4, foot - tall),
            (x + half * 0.4, foot - tall),
            (x + half * 0.95, foot - half),
        ],
        fill=colour,
    )
    draw.ellipse((x - half * 0.4, foot - tall - half * 0.14, x + half * 0.4, foot - tall + half * 0.14), fill=shade)
    draw.ellipse(
        (x - half * 0.62, foot - half * 1.35, x - half * 0.36, foot - half * 0.65), fill=_mix(colour, WHITE, 0.35)
    )


def _rooms(size: tuple[int, int], main: Rgb, accent: Rgb, rng: Random) -> Image.Image:
    """A window with a plant on its sill, and the window's light on the wall."""
    wide, high = size
    short = min(size)
    picture = _gradient(size, _mix(main, WHITE, 0.66), _mix(main, WHITE, 0.84))
    draw = ImageDraw.Draw(picture)
    x, y = wide * rng.uniform(0.08, 0.3), high * rng.uniform(0.1, 0.16)
    across, down = short * 0.5, short * 0.56
    slant = short * 0.22
    light = _mix(_mix(main, WHITE, 0.86), accent, 0.25)
    for row in (0.0, 0.53):
        for column in (0.0, 0.53):
            left, top = x + across * (1.2 + column), y + slant + down * row + slant * column
            drop = slant * 0.47
            right, low = left + across * 0.47, down * 0.47
            draw.polygon([(left, top), (right, top + drop), (right, top + drop + low), (left, top + low)], fill=light)
    sky = _gradient((round(across), round(down)), _mix(accent, WHITE, 0.55), _mix(accent, WHITE, 0.85))
    picture.paste(sky, (round(x), round(y)))
    frame = _mix(main, BLACK, 0.1)
    bar = max(2, round(short * 0.016))
    draw.rectangle((x, y, x + across, y + down), outline=frame, width=bar)
    draw.line((x + across / 2, y, x + across / 2, y + down), fill=frame, width=bar)
    draw.line((x, y + down / 2, x + across, y + down / 2), fill=frame, width=bar)
    draw.rectangle((x - bar * 3, y + down, x + across + bar * 3, y + down + bar * 2), fill=frame)
    _plant(draw, (x + across * 0.76, y + down), short * 0.07, main, accent, rng)
    return _soft(picture, 1.1)


def _plant(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], half: float, main: Rgb, accent: Rgb, rng: Random
) -> None:
    x, y = foot
    leaf = _mix(_mix(main, (58, 110, 70), 0.55), BLACK, 0.05)
    for _ in range(9):
        turn, reach = rng.uniform(-1.1, 1.1), half * rng.uniform(1.6, 3.0)
        tip = (x + reach * math.sin(turn), y - half * 1.4 - reach * math.cos(turn))
        side = half * 0.24
        draw.polygon(
            [(x - side, y - half * 1.3), tip, (x + side, y - half * 1.3)], fill=_mix(leaf, WHITE, rng.uniform(0, 0.25))
        )
    draw.polygon(
        [(x - half, y - half * 1.5), (x + half, y - half * 1.5), (x + half * 0.7, y), (x - half * 0.7, y)], fill=accent
    )


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    data = files("pressrun.simulator").joinpath("fonts", FONT).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _can_write(character: str) -> bool:
    font = _font(16)
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask(NOTHING))


def _caption(prompt: str) -> str:
    """The prompt's first paragraph, on one line, without characters that the font lacks."""
    first = next((part for part in prompt.split("\n\n") if part.strip()), "")[: 2 * CAPTION]
    text = " ".join("".join(c for c in first if c.isspace() or (c.isprintable() and _can_write(c))).split())
    return text if len(text) <= CAPTION else text[:CAPTION].rstrip() + "..."


def _lines(text: str, font: ImageFont.FreeTypeFont, room: float, most: int) -> list[str]:
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


def _write(picture: Image.Image, prompt: str, main: Rgb) -> None:
    """The caption at the foot, on a darkened ground, and the mark at the top right."""
    wide, high = picture.size
    short = min(wide, high)
    if short < 48:
        return
    size = max(9, round(short / 30))
    margin = round(size * 1.5)
    font = _font(size)
    lines = _lines(_caption(prompt), font, wide - 2 * margin, 3)
    pitch = round(size * 1.45)
    ground = round(margin * 2.4 + pitch * len(lines))
    shade = Image.linear_gradient("L").resize((wide, ground)).point(lambda value: min(165, value))
    picture.paste(_mix(main, BLACK, 0.72), (0, high - ground), shade)
    draw = ImageDraw.Draw(picture)
    top = high - margin - pitch * len(lines)
    for at, line in enumerate(lines):
        draw.text((margin, top + at * pitch), line, font=font, fill=(250, 248, 243))
    _stamp(draw, wide, max(8, round(size * 0.62)), margin, main)


def _stamp(draw: ImageDraw.ImageDraw, wide: int, size: int, margin: int, main: Rgb) -> None:
    font = _font(size)
    length = font.getlength(MARK)
    left, top = wide - margin - length - size, margin * 0.7
    box = (left, top, wide - margin + size * 0.4, top + size * 1.9)
    draw.rounded_rectangle(box, radius=size, fill=_mix(main, BLACK, 0.45))
    draw.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), MARK, font=font, fill=(250, 248, 243), anchor="mm")


def _encoded(picture: Image.Image, output_format: str, compression: int | None) -> bytes:
    out = io.BytesIO()
    quality = 100 if compression is None else compression
    match output_format:
        case "png":
            picture.save(out, "PNG", compress_level=1)
        case "jpeg":
            picture.save(out, "JPEG", quality=max(1, quality))
        case _:
            picture.save(out, "WEBP", quality=quality, method=0)
    return out.getvalue()
