"""Formatting of amounts and percentages.

Invariant: a non-zero amount is never shown as zero, however small it is.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

__all__ = ["all_places", "common_places", "percent", "share", "usd"]

SIGNIFICANT_DIGITS = 3
CENTS = 2
MOST_PLACES = 6
"""In a column of amounts: millionths of a dollar."""


def usd(amount: Decimal, places: int | None = None) -> str:
    """`$1,234.50`, `$0.536`, `$0.00166`: cents from a dollar up, three significant digits below.

    With `places` it has that many decimals, like the other amounts in its column; `<$0.01` when they would show zero.
    """
    sign = "-" if amount < 0 else ""
    if places is not None:
        rounded = _rounded(abs(amount), places)
        if amount and not rounded:
            return f"{'>' if sign else '<'}{sign}${Decimal(1).scaleb(-places):f}"
        return f"{sign}${rounded:,f}"
    size = abs(amount)
    if size == 0 or _rounded(size, SIGNIFICANT_DIGITS) >= 1:
        return f"{sign}${_rounded(size, 2):,f}"
    places = SIGNIFICANT_DIGITS - 1 - size.adjusted()
    rounded = _rounded(size, places)
    whole, _, fraction = f"{rounded:f}".partition(".")
    # Trailing zeros of an exact amount are dropped; those left by rounding are significant.
    fraction = fraction.rstrip("0") if rounded == size else fraction
    return f"{sign}${whole}.{fraction.ljust(2, '0')}"


def common_places(amounts: Iterable[Decimal]) -> int:
    """How many decimals (2 to 6) align a column of amounts and show three digits of the smallest."""
    there = [amount for amount in amounts if amount]
    if not there:
        return CENTS
    legible = SIGNIFICANT_DIGITS - 1 - min(map(abs, there)).adjusted()
    return max(min(legible, all_places(there), MOST_PLACES), CENTS)


def all_places(amounts: Iterable[Decimal]) -> int:
    """How many decimals show every digit of a column of amounts."""
    return max((-int(amount.normalize().as_tuple().exponent) for amount in amounts), default=0)


def _rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """`part` as a percentage of `whole`; None when `whole` is zero."""
    return part * 100 / whole if whole else None


def percent(value: Decimal | None) -> str:
    """`49.1%`; a non-zero share is never shown as zero; `-` for None."""
    if value is None:
        return "-"
    if value and abs(value) < Decimal("0.05"):
        return "<0.1%" if value > 0 else ">-0.1%"
    return f"{_rounded(value, 1):f}%"
