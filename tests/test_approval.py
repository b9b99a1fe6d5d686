import base64
import re

import pytest

from pressrun.approval import edited, show_config
from pressrun.steps.config import SiteConfig, specimen
from tests.builders import a_brief

CONFIG = specimen(a_brief(pages=["Home", "Contact"], image_count=3))


def changed(**changes: object) -> SiteConfig:
    return CONFIG.model_copy(update=changes)


def test_everything_that_is_to_be_approved_is_shown() -> None:
    text = show_config(changed(site_name="Harbour Bakery", tagline="Bread by the quay"), 1)
    assert "# Harbour Bakery\n" in text
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
