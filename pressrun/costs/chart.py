"""A bar chart of costs by step as one SVG text.

Invariant: the picture carries its own ground and its figures as text, so it reads the same on light and dark pages.
"""

import base64
from collections.abc import Sequence
from decimal import Decimal
from html import escape

from pressrun.costs.money import usd

__all__ = ["bar_chart", "data_uri"]

WIDTH, LEFT, BAR, ROW, TOP = 640, 110, 13, 44, 44
ROOM_FOR_FIGURES = 90
SPENT, BASELINE = "#1f5fbf", "#a8b3c1"
"""Blue and light grey: they differ in lightness, so they are told apart without colour vision too."""


def bar_chart(bars: Sequence[tuple[str, Decimal, Decimal]]) -> str:
    """For each (label, spent, in real time) two bars, in USD."""
    largest = max((max(spent, baseline) for _, spent, baseline in bars), default=Decimal(0))
    height = TOP + ROW * len(bars) + 8
    rows = [_row(TOP + ROW * place, *bar, largest) for place, bar in enumerate(bars)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="system-ui, sans-serif" font-size="12">'
        "<title>Cost by step, spent and in real time</title>"
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>'
        f"{_key(LEFT, SPENT, 'spent')}{_key(LEFT + 90, BASELINE, 'the same in real time')}"
        f"{''.join(rows)}</svg>"
    )


def _key(x: int, colour: str, text: str) -> str:
    return f'<rect x="{x}" y="14" width="12" height="12" fill="{colour}"/>{_text(x + 18, 24, text)}'


def _row(y: int, label: str, spent: Decimal, baseline: Decimal, largest: Decimal) -> str:
    name = _text(LEFT - 10, y + BAR + 4, label, anchor="end")
    return name + _bar(y, spent, largest, SPENT) + _bar(y + BAR + 2, baseline, largest, BASELINE)


def _bar(y: int, amount: Decimal, largest: Decimal, colour: str) -> str:
    share = amount / largest if largest else Decimal(0)
    # A cost that is there stays visible beside one that is a thousand times as high.
    width = max(round(share * (WIDTH - LEFT - ROOM_FOR_FIGURES)), 1 if amount else 0)
    return (
        f'<rect x="{LEFT}" y="{y}" width="{width}" height="{BAR}" fill="{colour}"/>'
        f"{_text(LEFT + width + 6, y + BAR - 2, usd(amount))}"
    )


def _text(x: int, y: int, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="#1b2430" text-anchor="{anchor}">{escape(text)}</text>'


def data_uri(svg: str) -> str:
    """The picture as an address: Prefect's page shows images of Markdown, but no raw SVG."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
