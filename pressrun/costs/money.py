"""Money and shares as people read them.

Invariant: a sum that is not zero is never shown as zero, however small it is.
"""

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["percent", "share", "usd"]

SIGNIFICANT_DIGITS = 3


def usd(amount: Decimal) -> str:
    """`$1,234.50`, `$0.536`, `$0.00166`: cents from a dollar up, three significant digits below."""
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    if size == 0 or _rounded(size, SIGNIFICANT_DIGITS) >= 1:
        return f"{sign}${_rounded(size, 2):,f}"
    places = SIGNIFICANT_DIGITS - 1 - size.adjusted()
    rounded = _rounded(size, places)
    whole, _, fraction = f"{rounded:f}".partition(".")
    # Zeros that stand for nothing are dropped; those that a rounding left are digits like the others.
    fraction = fraction.rstrip("0") if rounded == size else fraction
    return f"{sign}${whole}.{fraction.ljust(2, '0')}"


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
