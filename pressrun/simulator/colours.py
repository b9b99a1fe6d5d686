"""Colours as Pillow takes them, and their mixtures.

Invariant: a mixture is always a colour, each channel within 0 to 255.
"""

__all__ = ["BLACK", "WHITE", "Rgb", "mix"]

Rgb = tuple[int, int, int]
WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` with a `share` (0 to 1) of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
