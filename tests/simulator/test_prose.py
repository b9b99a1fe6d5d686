"""The prose that the simulator writes with: its languages, and colours that it can be read on."""

import json
import re

import hanzidentifier
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.simulator.writing.palette import contrast, palette
from pressrun.simulator.writing.words import LANGUAGES, THEMES, Words, load_prose

from .written import GERMAN, a_brief


@pytest.mark.parametrize("path", [("zh", "site.json"), *(("zh", "articles", f"{theme}.json") for theme in THEMES)])
def test_chinese_prose_has_traditional_characters_only(path: tuple[str, ...]) -> None:
    text = json.dumps(load_prose(*path), ensure_ascii=False)
    assert hanzidentifier.identify(text) in (hanzidentifier.TRADITIONAL, hanzidentifier.BOTH)


@pytest.mark.parametrize("path", [("de", "site.json"), *(("de", "articles", f"{theme}.json") for theme in THEMES)])
def test_german_prose_has_german_quotation_marks_in_pairs(path: tuple[str, ...]) -> None:
    text = json.dumps(load_prose(*path), ensure_ascii=False)
    assert not re.search(r"\\\"|[”«»']", text)
    assert re.findall("[„“]", text) == ["„", "“"] * text.count("„")


def test_a_german_phrase_is_not_cut_before_an_umlaut() -> None:
    words = Words.of(a_brief({**GERMAN, "services": ["Laufräder Gebrauchträder"]}))
    assert words.services(20) == ["Laufräder"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_the_prose_is_one_that_is_filled(language: str) -> None:
    texts = [
        load_prose(language, "site.json"),
        *(load_prose(language, "articles", f"{theme}.json") for theme in THEMES),
    ]
    slots = set(re.findall(r"\{(\w+)\}", json.dumps(texts)))
    assert {slot.lower() for slot in slots} <= {"service", "other", "name", "tone", "page", "services", "contact"}


def test_every_language_has_the_same_pages_scenes_and_themes() -> None:
    for language in LANGUAGES:
        data = load_prose(language, "site.json")
        assert set(data["pages"]) == set(load_prose("en", "site.json")["pages"])
        assert set(data["scenes"]) == set(load_prose("prompts.json"))
        assert len(data["views"]) == 4


@given(st.lists(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True), max_size=6), st.integers(0, 99))
def test_text_can_be_read_on_any_brand_colours(colours: list[str], seed: int) -> None:
    made = palette(colours, seed)
    assert contrast(made["text"], made["background"]) >= 7
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in made.values())
