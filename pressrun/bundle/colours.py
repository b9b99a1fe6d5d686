"""The preview's colours, from a palette chosen by a model.

Invariant: only `#rrggbb` reaches the style sheet, and every text colour has a contrast of at least 4.5:1 against each
background it is used on (WCAG 2.2, success criterion 1.4.3), whatever the palette is.
"""

import re

from pressrun.steps.config import Palette

__all__ = ["contrast", "palette_warnings", "parse_colour", "theme"]

Rgb = tuple[int, int, int]

TEXT_CONTRAST = 4.5
BLACK, WHITE, INK = (0, 0, 0), (255, 255, 255), (23, 26, 31)
FALLBACK: dict[str, Rgb] = {
    "primary": (31, 78, 95),
    "secondary": (201, 162, 39),
    "accent": (179, 84, 30),
    "background": (251, 249, 245),
    "text": (34, 38, 42),
}


def parse_colour(text: str) -> Rgb | None:
    """Read `#rrggbb`; anything else is None."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def theme(palette: Palette) -> dict[str, str]:
    """The style sheet's colour variables, each as `#rrggbb`.

    `ground`, `surface` and `band` are backgrounds for `text`, `muted`, `heading` and `link`; `primary`, `accent` and
    `deep` are backgrounds for their `on-...`. `line`, `secondary` and `wash` are decoration without text.
    """
    chosen = {name: parse_colour(getattr(palette, name)) or spare for name, spare in FALLBACK.items()}
    ground, primary, accent = chosen["background"], chosen["primary"], chosen["accent"]
    ink = max((BLACK, WHITE), key=lambda end: contrast(end, ground))
    surface = _mix(ground, WHITE if ink == BLACK else BLACK, 0.6)
    band = _mix(ground, chosen["secondary"], 0.12)
    if contrast(ink, band) < TEXT_CONTRAST:
        band = ground
    grounds = (ground, surface, band)
    text = _readable(chosen["text"], grounds)
    deep = _mix(primary, BLACK, 0.55)
    colours = {
        "ground": ground,
        "surface": surface,
        "band": band,
        "text": text,
        "muted": _readable(_mix(text, ground, 0.3), grounds),
        "heading": _readable(_mix(primary, text, 0.25), grounds),
        "link": _readable(accent, grounds),
        "line": _mix(ground, text, 0.16),
        "primary": primary,
        "on-primary": _on(primary),
        "accent": accent,
        "on-accent": _on(accent),
        "secondary": chosen["secondary"],
        "wash": _mix(ground, chosen["secondary"], 0.3),
        "deep": deep,
        "on-deep": _on(deep),
    }
    return {name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in colours.items()}


def palette_warnings(palette: Palette) -> list[str]:
    """What the preview had to correct in the palette, for the editor."""
    warnings = [
        f"palette: {name} is not a colour of the form #rrggbb; the preview uses a default"
        for name in FALLBACK
        if parse_colour(getattr(palette, name)) is None
    ]
    text, ground = parse_colour(palette.text), parse_colour(palette.background)
    if text and ground and contrast(text, ground) < TEXT_CONTRAST:
        ratio = contrast(text, ground)
        warnings.append(f"palette: text on background has a contrast of {ratio:.1f}:1, below 4.5:1; corrected here")
    return warnings


def _luminance(colour: Rgb) -> float:
    red, green, blue = (_linear(value / 255) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` mixed with `share` (0 to 1) of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _readable(colour: Rgb, grounds: tuple[Rgb, ...]) -> Rgb:
    """The colour nearest to `colour`, towards black or white, that is readable on all the backgrounds."""

    def worst(candidate: Rgb) -> float:
        return min(contrast(candidate, ground) for ground in grounds)

    end = max((BLACK, WHITE), key=worst)
    steps = (_mix(colour, end, step / 20) for step in range(21))
    return next((candidate for candidate in steps if worst(candidate) >= TEXT_CONTRAST), end)


def _on(ground: Rgb) -> Rgb:
    """White where it is readable, otherwise ink or black; black or white always reaches 4.58:1."""
    return next(colour for colour in (WHITE, INK, BLACK) if contrast(colour, ground) >= TEXT_CONTRAST)
