import re
from decimal import Decimal
from xml.etree import ElementTree

from hypothesis import example, given
from hypothesis import strategies as st

from pressrun.costs.chart import WIDTH, bar_chart, share_chart

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["config", "articles", "images", "descriptions", "seo"]
LETTER = 8
"""Pixels of a letter or digit at most, by a broad guess."""

money = st.just(Decimal(0)) | st.decimals("0.000000001", 10_000, places=12)
bills = st.lists(money, min_size=1, max_size=5).filter(lambda amounts: max(amounts) >= Decimal("0.0001"))
ONE_LARGE = [Decimal("0.000001"), Decimal("0.0002"), Decimal("97"), Decimal("0.00001"), Decimal("0.000003")]


def bars(amounts, others=None):
    pairs = zip(NAMES, amounts, others or amounts, strict=False)
    return ElementTree.fromstring(bar_chart(list(pairs), title="t", first="spent", second="in real time"))


def shares(*bills):
    groups = [(f"Group {at}", list(zip(NAMES, bill, strict=False))) for at, bill in enumerate(bills)]
    return ElementTree.fromstring(share_chart(groups, title="t"))


def boxes(picture):
    """Where each text stands: left, right and base line."""
    for text in picture.iter(f"{SVG}text"):
        left, width = int(text.get("x")), LETTER * len(text.text)
        left -= width if text.get("text-anchor") == "end" else 0
        yield left, left + width, int(text.get("y"))


def widths(picture, *, height):
    found = [rect for rect in picture.iter(f"{SVG}rect") if rect.get("height") == str(height)]
    return [int(rect.get("width")) for rect in found]


def assert_legible(picture):
    places = list(boxes(picture))
    for at, (left, right, base) in enumerate(places):
        assert right <= WIDTH + LETTER
        for other_left, other_right, other_base in places[at + 1 :]:
            assert abs(base - other_base) >= 12 or right <= other_left or other_right <= left


@given(bills)
@example(ONE_LARGE)
def test_no_figure_of_the_bars_covers_another(amounts):
    assert_legible(bars(amounts, amounts[::-1]))


@given(bills, bills)
@example(ONE_LARGE, [Decimal("97"), Decimal("0.00001")])
def test_no_figure_of_the_shares_covers_another(by_step, by_route):
    assert_legible(shares(by_step, by_route))


@given(bills)
@example(ONE_LARGE)
def test_the_smallest_bar_is_still_seen_beside_the_largest_and_nothing_has_none(amounts):
    found = widths(bars(amounts), height=13)
    assert [bool(width) for width in found] == [bool(amount) for amount in amounts for _ in range(2)]


@given(bills)
@example(ONE_LARGE)
def test_the_parts_fill_the_whole_bar_and_each_one_is_seen(amounts):
    found = widths(shares(amounts), height=22)
    assert sum(found) + sum(1 for width in found if width) == WIDTH - 2 * 14
    assert [bool(width) for width in found] == [bool(amount) for amount in amounts]


def test_a_part_has_its_name_its_sum_and_its_share():
    texts = [text.text for text in shares([Decimal("0.02"), Decimal("0.06")]).iter(f"{SVG}text")]
    assert texts == ["Group 0", "config", "$0.02", "25.0%", "articles", "$0.06", "75.0%"]


def test_a_picture_has_its_own_ground_and_a_title():
    picture = bars([Decimal(1)])
    ground = picture.find(f"{SVG}rect")
    assert (ground.get("class"), ground.get("fill"), ground.get("width")) == ("ground", "#fff", str(WIDTH))
    assert picture.find(f"{SVG}title").text == "t"
    assert {text.get("fill") for text in picture.iter(f"{SVG}text")} == {"#1b2430"}


def test_labels_are_escaped():
    svg = share_chart([("<b>", [("</text><script>", Decimal(1))])], title="<i>")
    assert not re.search("<(b|i|script)>", svg)
    assert [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")][:2] == ["<b>", "</text><script>"]
