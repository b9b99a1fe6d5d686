"""The report's charts, each one SVG text.

Invariant: a chart has its own background and shows its figures as text, so it reads the same on light and dark pages,
and no two figures overlap, however small an amount is compared with the others.
"""

import base64
from collections.abc import Sequence
from decimal import Decimal
from html import escape

from pressrun.costs.money import percent, share, usd

__all__ = ["bar_chart", "data_uri", "share_chart"]

WIDTH, LEFT, EDGE = 460, 98, 14
BAR, ROW, TOP = 13, 42, 44
ROOM_FOR_FIGURES = 92
STACK, LINE, GAP = 22, 19, 16
INK, GROUND = "#1b2430", "#fff"
FIRST, SECOND = "#1f5fbf", "#a8b3c1"
"""Blue and light grey: they differ in lightness, so they can be distinguished without colour vision."""
PARTS = ["#1f5fbf", "#f2a922", "#0b7a5c", "#86c1f7", "#7d3c98"]
"""Alternately dark and light, for the same reason."""


def bar_chart(bars: Sequence[tuple[str, Decimal, Decimal]], *, title: str, first: str, second: str) -> str:
    """Two bars, in USD, for each (label, amount, amount to compare with); `first` and `second` name them in the key."""
    largest = max((max(pair) for _, *pair in bars), default=Decimal(0))
    key = _key(LEFT, "first", FIRST, first) + _key(LEFT + 100, "second", SECOND, second)
    rows = [_pair(TOP + ROW * place, *bar, largest) for place, bar in enumerate(bars)]
    return _picture(TOP + ROW * len(bars) + 4, title, key + "".join(rows))


def _key(x: int, name: str, colour: str, text: str) -> str:
    return _rect(x, 14, 12, 12, name, colour) + _text(x + 18, 24, text)


def _pair(y: int, label: str, amount: Decimal, other: Decimal, largest: Decimal) -> str:
    name = _text(LEFT - 10, y + BAR + 5, label, anchor="end")
    return name + _bar(y, amount, largest, "first", FIRST) + _bar(y + BAR + 2, other, largest, "second", SECOND)


def _bar(y: int, amount: Decimal, largest: Decimal, name: str, colour: str) -> str:
    part = amount / largest if largest else Decimal(0)
    # A non-zero cost stays visible beside one that is a thousand times as high.
    width = max(round(part * (WIDTH - LEFT - ROOM_FOR_FIGURES)), 1 if amount else 0)
    return _rect(LEFT, y, width, BAR, name, colour) + _text(LEFT + width + 6, y + BAR - 2, usd(amount))


def share_chart(groups: Sequence[tuple[str, Sequence[tuple[str, Decimal]]]], *, title: str) -> str:
    """One stacked bar for each (name, parts), with a line of figures below it for each part."""
    body, y = "", EDGE
    for name, parts in groups:
        body += _text(EDGE, y + 11, name, weight="600") + _stack(y + LINE, parts) + _lines(y + LINE + STACK + 8, parts)
        y += LINE + STACK + 8 + LINE * len(parts) + GAP
    return _picture(y - GAP + 10, title, body)


def _stack(y: int, parts: Sequence[tuple[str, Decimal]]) -> str:
    x, bars = EDGE, ""
    for place, width in enumerate(_widths([amount for _, amount in parts], WIDTH - 2 * EDGE)):
        # The background shows as a fine line between two parts.
        bars += _rect(x, y, max(width - 1, 0), STACK, *_shade(place))
        x += width
    return bars


def _widths(amounts: Sequence[Decimal], room: int) -> list[int]:
    """The width divided in proportion; a non-zero part gets at least 3, taken from the largest."""
    whole = sum(amounts, Decimal(0))
    widths = [max(round(amount / whole * room), 3) if amount else 0 for amount in amounts]
    largest = amounts.index(max(amounts))
    widths[largest] += room - sum(widths)
    return widths


def _lines(y: int, parts: Sequence[tuple[str, Decimal]]) -> str:
    whole = sum((amount for _, amount in parts), Decimal(0))
    lines = ""
    for place, (label, amount) in enumerate(parts):
        base = y + LINE * place
        lines += _rect(EDGE, base, 12, 12, *_shade(place)) + _text(EDGE + 20, base + 11, label)
        lines += _text(WIDTH - EDGE - 80, base + 11, usd(amount), anchor="end")
        lines += _text(WIDTH - EDGE, base + 11, percent(share(amount, whole)), anchor="end")
    return lines


def _shade(place: int) -> tuple[str, str]:
    shade = place % len(PARTS)
    return f"part-{shade}", PARTS[shade]


def _picture(height: int, title: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13"><title>{escape(title)}</title>'
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6" fill="{GROUND}"/>{body}</svg>'
    )


def _rect(x: int, y: int, width: int, height: int, name: str, colour: str) -> str:
    """`name` is a CSS class, so that a page with a dark background can set another colour."""
    return f'<rect class="{name}" x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>'


def _text(x: int, y: int, text: str, anchor: str = "start", weight: str = "400") -> str:
    return (
        f'<text class="ink" x="{x}" y="{y}" fill="{INK}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )


def data_uri(svg: str) -> str:
    """The chart as a data URI: Prefect's UI shows Markdown images, but no raw SVG."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
