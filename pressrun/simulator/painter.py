"""Drawn placeholders for an image model's images.

Invariant: the same prompt, size and format always give the same image, and nobody can mistake it for a photograph: each
is marked SIMULATED and shows the first words of its prompt.
"""

import io
import math
import re
from random import Random

from PIL import Image, ImageColor, ImageDraw, ImageFilter

from pressrun.simulator.colours import BLACK, WHITE, Rgb, mix
from pressrun.simulator.lettering import write_caption
from pressrun.simulator.writing.asked import stable_number

__all__ = ["paint_image"]

CANVAS = 896
"""Longer side in pixels while painting; shapes are soft, so enlarging them is harmless and saves time."""
MOODS = (
    ("#27445c", "#e3a04f"),
    ("#365943", "#e08e5b"),
    ("#5b3a54", "#e5a88b"),
    ("#2d5a63", "#f0c46c"),
    ("#6a4a35", "#e9b872"),
    ("#33426b", "#e88f7a"),
)
"""Main and accent colour for a prompt that names none."""


def paint_image(prompt: str, width: int, height: int, output_format: str, compression: int | None) -> bytes:
    """An encoded image of `width` x `height` pixels.

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
    write_caption(picture, prompt, mix(main, BLACK, 0.6))
    return _encoded(picture, output_format, compression)


def _colours(prompt: str, rng: Random) -> tuple[Rgb, Rgb]:
    """The first two colours that the prompt names as #rrggbb, else a pair picked by its hash; the main one is tinted a
    little, so that a site's pictures belong together without being alike."""
    named = re.findall(r"#[0-9a-fA-F]{6}\b", prompt)
    main, accent = rng.choice(MOODS)
    if named:
        main, accent = named[0], named[1] if len(named) > 1 else accent
    return mix(_rgb(main), _rgb(accent), rng.choice((0.0, 0.1, 0.2))), _rgb(accent)


def _rgb(colour: str) -> Rgb:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


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
    picture = _gradient(size, mix(main, WHITE, 0.55), mix(accent, WHITE, 0.7))
    sun = (wide * rng.uniform(0.2, 0.8), high * rng.uniform(0.24, 0.38))
    _glow(picture, sun, short * 0.55, mix(accent, WHITE, 0.5), 210)
    draw = ImageDraw.Draw(picture)
    _disc(draw, sun, short * 0.085, mix(accent, WHITE, 0.35))
    picture = _soft(picture, 1.2)
    for layer in range(5):
        share = layer / 4
        level = high * (0.46 + 0.12 * layer)
        colour = mix(mix(main, mix(accent, WHITE, 0.6), 0.62 * (1 - share)), BLACK, 0.28 * share)
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
    wall = mix(main, WHITE, 0.78)
    picture = _gradient(size, mix(wall, WHITE, 0.3), mix(wall, main, 0.22))
    draw = ImageDraw.Draw(picture)
    floor = high * 0.8
    draw.rectangle((0, floor, wide, high), fill=mix(accent, main, 0.45))
    count = max(2, round(3 * wide / high))
    lit = rng.randrange(count)
    step = wide / count
    for at in range(count):
        middle, half = step * (at + 0.5), step * 0.31
        top = high * 0.2
        inside = mix(accent, WHITE, 0.45) if at == lit else mix(main, BLACK, 0.12)
        draw.rectangle((middle - half, top + half, middle + half, floor), fill=inside)
        draw.ellipse((middle - half, top, middle + half, top + 2 * half), fill=inside)
    middle = step * (lit + 0.5)
    beam = [(middle - step * 0.31, floor), (middle + step * 0.31, floor), (middle + step * 0.75, high), (middle, high)]
    draw.polygon(beam, fill=mix(accent, WHITE, 0.35))
    picture = _soft(picture, 1.4)
    _glow(picture, (middle, high * 0.5), min(size) * 0.6, mix(accent, WHITE, 0.7), 130)
    return picture


def _still_life(size: tuple[int, int], main: Rgb, accent: Rgb, rng: Random) -> Image.Image:
    """Vessels on a table before a plain wall."""
    wide, high = size
    short = min(size)
    picture = _gradient(size, mix(main, WHITE, 0.72), mix(main, WHITE, 0.5))
    _glow(picture, (wide * rng.uniform(0.15, 0.4), high * 0.2), short * 0.9, mix(accent, WHITE, 0.8), 200)
    table = high * 0.68
    draw = ImageDraw.Draw(picture)
    wood = mix(mix(main, accent, 0.35), WHITE, 0.18)
    draw.rectangle((0, table, wide, high), fill=wood)
    colours = [mix(main, BLACK, 0.15), accent, mix(accent, main, 0.5), mix(main, WHITE, 0.35)]
    rng.shuffle(colours)
    count = 3 if wide <= high else 4
    left, span = wide * 0.16, wide * 0.68
    for at, colour in enumerate(colours[:count]):
        middle = left + span * (at + 0.5) / count
        foot, half = table + short * rng.uniform(0.03, 0.08), short * rng.uniform(0.075, 0.12)
        shadow = (middle - half * 0.6, foot - half * 0.2, middle + half * 2.4, foot + half * 0.22)
        draw.ellipse(shadow, fill=mix(wood, BLACK, 0.25))
        _vessel(draw, (middle, foot), half, colour, rng)
    return _soft(picture, 1.3)


def _vessel(draw: ImageDraw.ImageDraw, at: tuple[float, float], half: float, colour: Rgb, rng: Random) -> None:
    x, foot = at
    tall = half * rng.uniform(1.6, 3.6)
    shade = mix(colour, BLACK, 0.28)
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
        (x - half * 0.62, foot - half * 1.35, x - half * 0.36, foot - half * 0.65), fill=mix(colour, WHITE, 0.35)
    )


def _rooms(size: tuple[int, int], main: Rgb, accent: Rgb, rng: Random) -> Image.Image:
    """A window with a plant on its sill, and the window's light on the wall."""
    wide, high = size
    short = min(size)
    picture = _gradient(size, mix(main, WHITE, 0.66), mix(main, WHITE, 0.84))
    draw = ImageDraw.Draw(picture)
    x, y = wide * rng.uniform(0.08, 0.3), high * rng.uniform(0.1, 0.16)
    across, down = short * 0.5, short * 0.56
    slant = short * 0.22
    light = mix(mix(main, WHITE, 0.86), accent, 0.25)
    for row in (0.0, 0.53):
        for column in (0.0, 0.53):
            left, top = x + across * (1.2 + column), y + slant + down * row + slant * column
            drop = slant * 0.47
            right, low = left + across * 0.47, down * 0.47
            draw.polygon([(left, top), (right, top + drop), (right, top + drop + low), (left, top + low)], fill=light)
    sky = _gradient((round(across), round(down)), mix(accent, WHITE, 0.55), mix(accent, WHITE, 0.85))
    picture.paste(sky, (round(x), round(y)))
    frame = mix(main, BLACK, 0.1)
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
    leaf = mix(mix(main, (58, 110, 70), 0.55), BLACK, 0.05)
    for _ in range(9):
        turn, reach = rng.uniform(-1.1, 1.1), half * rng.uniform(1.6, 3.0)
        tip = (x + reach * math.sin(turn), y - half * 1.4 - reach * math.cos(turn))
        side = half * 0.24
        draw.polygon(
            [(x - side, y - half * 1.3), tip, (x + side, y - half * 1.3)], fill=mix(leaf, WHITE, rng.uniform(0, 0.25))
        )
    draw.polygon(
        [(x - half, y - half * 1.5), (x + half, y - half * 1.5), (x + half * 0.7, y), (x - half * 0.7, y)], fill=accent
    )


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
