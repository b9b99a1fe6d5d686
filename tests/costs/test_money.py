from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.costs.money import percent, share, usd


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("0E-12", "$0.00"),
        ("0.00166", "$0.00166"),
        ("0.0016649", "$0.00166"),
        ("0.00000003499", "$0.0000000350"),
        ("0.5", "$0.50"),
        ("0.53563", "$0.536"),
        ("0.04", "$0.04"),
        ("0.04001", "$0.0400"),
        ("0.9996", "$1.00"),
        ("1", "$1.00"),
        ("1234.505", "$1,234.51"),
        ("-0.00978", "-$0.00978"),
        ("-12.3", "-$12.30"),
    ],
)
def test_money_has_cents_from_a_dollar_up_and_three_digits_below(amount, shown):
    assert usd(Decimal(amount)) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=15))
def test_money_that_is_there_is_never_shown_as_nothing_and_is_off_by_half_a_percent_at_most(amount):
    shown = Decimal(usd(amount).replace("$", "").replace(",", ""))
    assert bool(shown) == bool(amount)
    assert abs(shown - amount) <= abs(amount) * Decimal("0.005")


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        ("1", "2", "50.0%"),
        ("1", "3", "33.3%"),
        ("0", "2", "0.0%"),
        ("1", "100000", "<0.1%"),
        ("-1", "100000", ">-0.1%"),
        ("-1", "4", "-25.0%"),
        ("1", "0", "-"),
    ],
)
def test_a_share_that_is_there_is_never_shown_as_nothing(part, whole, shown):
    assert percent(share(Decimal(part), Decimal(whole))) == shown
