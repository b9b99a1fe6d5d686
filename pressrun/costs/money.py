"""Money and shares as people read them.

Invariant: a sum that is not zero is never shown as zero, however small it is.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

__all__ = ["all_places", "common_places", "percent", "share", "usd"]

SIGNIFICANT_DIGITS = 3
CENTS = 2
MOST_PLACES = 6
"""Of a column of sums: to the millionth of a dollar."""


def usd(amount: Decimal, places: int | None = None) -> str:
    """`$1,234.50`, `$0.536`, `$0.00166`: cents from a dollar up, three significant digits below.

    With `places` it has that many decimals, as the other sums of its column do; `<$0.01` when they show nothing of it.
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
    # Zeros that stand for nothing are dropped; those that a rounding left are digits like the others.
    fraction = fraction.rstrip("0") if rounded == size else fraction
    return f"{sign}${whole}.{fraction.ljust(2, '0')}"


def common_places(amounts: Iterable[Decimal]) -> int:
    """How many decimals let a column of sums stand point under point, the smallest with three digits: 2 to 6."""
    there = [amount for amount in amounts if amount]
    if not there:
        return CENTS
    legible = SIGNIFICANT_DIGITS - 1 - min(map(abs, there)).adjusted()
    return max(min(legible, all_places(there), MOST_PLACES), CENTS)


def all_places(amounts: Iterable[Decimal]) -> int:
    """How many decimals show every digit of a column of sums."""
    return max((-int(amount.normalize().as_tuple().exponent) for amount in amounts), default=0)


def _rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """`part` in per cent of `whole`; None when there is no whole to be a part of."""
    return part * 100 / whole if whole else None


def percent(value: Decimal | None) -> str:
    """`49.1%`; a share that is not zero is never shown as zero; `-` when there is none."""
    if value is None:
        return "-"
    if value and abs(value) < Decimal("0.05"):
        return "<0.1%" if value > 0 else ">-0.1%"
    return f"{_rounded(value, 1):f}%"
