import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.bundle.colours import contrast, palette_warnings, parse_colour, theme
from pressrun.steps.config import Palette

COLOUR = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
ANYTHING = COLOUR | st.text(max_size=12)
ON_GROUNDS = ["text", "muted", "heading", "link"]
PAIRS = [
    *((name, ground) for name in ON_GROUNDS for ground in ("ground", "surface", "band")),
    *((f"on-{name}", name) for name in ("primary", "accent", "deep")),
]


def palette(**changes: str) -> Palette:
    fine = Palette(primary="#1d3f4f", secondary="#d9a441", accent="#b5482a", background="#fbf7f0", text="#2a2622")
    return fine.model_copy(update=changes)


@given(st.builds(Palette, primary=ANYTHING, secondary=ANYTHING, accent=ANYTHING, background=ANYTHING, text=ANYTHING))
def test_every_text_reads_on_its_ground_whatever_the_palette(palette):
    colours = theme(palette)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", value) for value in colours.values())
    for name, ground in PAIRS:
        assert contrast(parse_colour(colours[name]), parse_colour(colours[ground])) >= 4.5, (name, ground)


def test_a_palette_that_is_fine_is_used_as_it_is():
    colours = theme(palette())
    assert (colours["primary"], colours["accent"], colours["ground"], colours["text"]) == (
        "#1d3f4f",
        "#b5482a",
        "#fbf7f0",
        "#2a2622",
    )
    assert palette_warnings(palette()) == []


def test_what_is_no_colour_is_replaced_and_told():
    bad = palette(accent="red;} body{display:none", primary="#12345")
    assert "display" not in "".join(theme(bad).values())
    assert [warning.split(" is ")[0] for warning in palette_warnings(bad)] == ["palette: primary", "palette: accent"]


def test_text_too_pale_to_read_is_told():
    (warning,) = palette_warnings(palette(text="#bbbbbb"))
    assert "4.5:1" in warning


@pytest.mark.parametrize(("one", "other", "ratio"), [("#000000", "#ffffff", 21.0), ("#767676", "#ffffff", 4.54)])
def test_contrast_is_as_wcag_defines_it(one, other, ratio):
    assert contrast(parse_colour(one), parse_colour(other)) == pytest.approx(ratio, abs=0.01)
    assert contrast(parse_colour(other), parse_colour(one)) == pytest.approx(ratio, abs=0.01)
