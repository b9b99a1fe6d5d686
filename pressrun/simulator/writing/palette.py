"""A site's five colours from its brand colours.

Invariant: text on the background has a contrast of at least 7:1 (WCAG 2.2, AAA), whatever the brand colours are.
"""

import colorsys

__all__ = ["contrast", "palette"]

SETS = (
    ("#1f3a4d", "#8fa9b5", "#d9902f", "#f7f4ee"),
    ("#2f4a3c", "#a3b899", "#c4643a", "#f6f5ef"),
    ("#4a2c40", "#c9adbb", "#b5523f", "#faf5f3"),
    ("#26405e", "#a9bdd1", "#c98a1b", "#f5f7f9"),
    ("#3d3a33", "#c2b8a3", "#8a5a2b", "#f8f5ef"),
    ("#1d4b4b", "#9dc1bb", "#cf6f4e", "#f4f8f6"),
)
"""Primary, secondary, accent and background for a client without brand colours."""
AAA = 7.0

Rgb = tuple[float, float, float]


def palette(brand: list[str], seed: int) -> dict[str, str]:
    """The palette by role, each `#rrggbb`: brand colours where they can serve, made to match where they cannot."""
    primary, secondary, accent, background = SETS[seed % len(SETS)]
    if brand:
        by_light = sorted(brand, key=_luminance)
        primary = by_light[0]
        background = by_light[-1] if _luminance(by_light[-1]) > 0.75 else _mix(primary, "#ffffff", 0.95)
        middle = [colour for colour in brand if colour not in (primary, background)]
        accent = max(middle, key=_saturation) if middle else _turned(primary)
        rest = [colour for colour in middle if colour != accent]
        secondary = rest[0] if rest else _mix(primary, background, 0.6)
    return {
        "primary": primary,
        "secondary": secondary,
        "accent": accent,
        "background": background,
        "text": _readable(primary, background),
    }


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours after WCAG 2.2, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _readable(colour: str, background: str) -> str:
    shares = (0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
    darker = (_mix(colour, "#000000", share) for share in shares)
    return next((text for text in darker if contrast(text, background) >= AAA), "#000000")


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(rgb: Rgb) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _mix(colour: str, other: str, share: float) -> str:
    red, green, blue = (one + (two - one) * share for one, two in zip(_rgb(colour), _rgb(other), strict=True))
    return _hex((red, green, blue))


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _saturation(colour: str) -> float:
    return colorsys.rgb_to_hsv(*_rgb(colour))[1]


def _turned(colour: str) -> str:
    """A livelier colour from the other side of the wheel, dark enough for white lettering."""
    hue, _lightness, _saturation_of = colorsys.rgb_to_hls(*_rgb(colour))
    return _hex(colorsys.hls_to_rgb((hue + 0.45) % 1, 0.42, 0.55))
