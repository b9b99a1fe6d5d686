import base64
import re
from decimal import Decimal

import pytest

from pressrun.approval import edited, show_config, show_delivery
from pressrun.calls import MissingItem, StepName
from pressrun.costs.report import cost_report
from pressrun.steps.config import SiteConfig, specimen
from tests.builders import a_brief
from tests.bundle.builder import make_site
from tests.costs.books import a_row

CONFIG = specimen(a_brief(pages=["Home", "Contact"], image_count=3))


def changed(**changes: object) -> SiteConfig:
    return CONFIG.model_copy(update=changes)


def test_everything_that_is_to_be_approved_is_shown() -> None:
    text = show_config(changed(site_name="Harbour Bakery", tagline="Bread by the quay"), 1)
    assert "# Harbour Bakery: approve this configuration?\n" in text
    assert "**Bread by the quay**" in text
    assert text.count("\n- **") == len(CONFIG.pages)
    assert f"\n{len(CONFIG.articles)}. **" in text
    assert "\n3. " in text


def test_a_later_version_says_which_it_is() -> None:
    assert "(version 2)" in show_config(CONFIG, 2)
    assert "version" not in show_config(CONFIG, 1).splitlines()[0]


def test_the_palette_is_a_picture_and_what_is_no_colour_does_not_get_into_it() -> None:
    palette = CONFIG.palette.model_copy(update={"primary": '"/><script>', "accent": "#E9B44C"})
    [encoded] = re.findall(r"base64,([A-Za-z0-9+/=]+)\)", show_config(changed(palette=palette), 1))
    svg = base64.b64decode(encoded).decode()
    assert "#E9B44C" in svg
    assert "script" not in svg


@pytest.mark.parametrize(
    "text", ["[link](https://evil.example)", "<img src=x>", "# Heading", "`code` **bold**", "a | b"]
)
def test_what_a_model_wrote_means_nothing_but_itself(text: str) -> None:
    shown = show_config(changed(tagline=text), 1)
    assert f"**{text}**" not in shown


def test_only_what_was_changed_by_hand_differs() -> None:
    config, names = edited(CONFIG, {"tagline": "New words", "voice": CONFIG.voice, "description": ""})
    assert names == ["tagline"]
    assert config == changed(tagline="New words")


def test_nothing_changed_is_the_configuration_as_it_was() -> None:
    assert edited(CONFIG, {"tagline": CONFIG.tagline}) == (CONFIG, [])


def delivery(**changes: object) -> str:
    site = make_site().model_copy(update=changes)
    rows = [a_row(cost_usd=Decimal("0.5"), realtime_usd=Decimal("0.8"))]
    return show_delivery(site, cost_report(rows), "/sites/.preview/1/bakery/preview/index.html")


def test_a_finished_site_is_shown_with_its_preview_its_parts_and_its_cost() -> None:
    text = delivery()
    assert "/sites/.preview/1/bakery/preview/index.html" in text
    assert "| Articles |" in text
    assert "**$0.50**. Real-time cost: $0.80." in text
    assert "## Missing\n\nNothing." in text
    assert "## Warnings\n\nNone." in text
    assert "SIMULATED" not in text


def test_what_a_finished_site_lacks_is_named_with_the_reason() -> None:
    missing = MissingItem(step=StepName.IMAGES, item="image-02", reason="refused: <b>policy</b>")
    text = delivery(missing=[missing], simulated=True)
    assert "- **images image-02**: refused: &lt;b&gt;policy&lt;/b&gt;" in text
    assert "SIMULATED: no money was spent." in text


def test_of_many_warnings_the_first_are_shown_and_the_others_counted() -> None:
    text = delivery(warnings=[f"warning {number}" for number in range(1, 26)])
    assert "- warning 20\n- and 5 more, listed in the preview" in text


def test_what_earlier_runs_paid_is_told_apart() -> None:
    report = cost_report([a_row(cost_usd=Decimal("0.5"), realtime_usd=Decimal("0.8"), reused=True)])
    assert "of which earlier runs paid $0.50" in show_delivery(make_site(), report, "x")


def test_an_address_of_the_preview_is_a_link() -> None:
    url = "https://sites.example/.preview/1/bakery/preview/index.html"
    assert f"<{url}>" in show_delivery(make_site(), cost_report([a_row()]), url)
