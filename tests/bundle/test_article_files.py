from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from ruamel.yaml import YAML

from pressrun.bundle.articles import _yaml, article_file
from pressrun.bundle.layout import lay_out
from pressrun.site import Site
from pressrun.steps.config import Section
from tests.bundle.builder import MADE_AT, make_site

SITES = {language: make_site(language) for language in ("en-GB", "zh-TW")}


def written(site: Site, number: int = 0) -> tuple[dict[str, Any], str]:
    """Front matter and body of one article."""
    text = article_file(lay_out(site).articles[number], site.brief, made_at=MADE_AT)
    assert text.startswith("---\n")
    front, _, body = text[4:].partition("\n---\n")
    return YAML(typ="safe").load(front), body


def with_article(**changes: Any) -> Site:
    site = SITES["en-GB"]
    return site.model_copy(update={"articles": {"article-01": site.articles["article-01"].model_copy(update=changes)}})


def test_front_matter_has_what_a_static_site_generator_needs():
    front, _ = written(SITES["en-GB"])
    params = front.pop("params")
    assert front == {
        "title": "How to keep sourdough fresh for five days",
        "slug": "keep-sourdough-fresh",
        "date": front["date"],
        "draft": True,
        "description": SITES["en-GB"].articles["article-01"].seo_description,
        "summary": SITES["en-GB"].articles["article-01"].summary,
        "tags": ["keep sourdough fresh", "bread storage"],
        "keywords": ["keep sourdough fresh", "bread storage"],
        "isCJKLanguage": False,
    }
    assert front["date"].replace(tzinfo=UTC) == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert params == {
        "seo_title": "How to keep sourdough fresh for five days | Harbour Bakery",
        "lang": "en-GB",
        "item": "article-01",
        "image": "../images/image-08-loaf-cut-side-down.jpg",
        "image_alt": "Half a sourdough loaf, cut side down, on a board beside a linen cloth",
        "ai_disclosure": "generated",
    }


def test_an_article_without_an_image_names_none():
    front, body = written(SITES["en-GB"], 4)
    assert "image" not in front["params"]
    assert "![" not in body


def test_the_body_has_intro_headings_images_and_conclusion_in_order():
    _, body = written(SITES["en-GB"])
    landmarks = [
        "![Half a sourdough loaf, cut side down",
        "*A board is all it needs on the first day.*",
        "Most loaves are thrown away",
        "## Why it happens",
        "(../images/image-09-crust-in-close-up.jpg)",
        "## What to do on the first day",
        "## When to let go",
        "Try it with your next loaf",
    ]
    places = [body.index(landmark) for landmark in landmarks]
    assert places == sorted(places)


def test_chinese_stays_chinese_and_is_marked_as_such():
    front, body = written(SITES["zh-TW"])
    text = article_file(lay_out(SITES["zh-TW"]).articles[0], SITES["zh-TW"].brief, made_at=MADE_AT)
    assert "title: 高山烏龍怎麼泡才不苦澀？\n" in text
    assert (front["isCJKLanguage"], front["params"]["lang"]) == (True, "zh-TW")
    assert "第一泡「**快進快出**」即可" in body


@pytest.mark.parametrize(
    "title",
    [
        "Bread: the 'best' \"loaf\"",
        "---\ndraft: false\n---",
        "x\n---\n<script>",
        "- [a, b] {c} # d",
        "!!python/object:os.system",
        "yes",
        "2026-11-20",
        "*anchor &x",
        "tab\tand\u2028line\x85end",
        " leading: space ",
        "",
    ],
)
def test_no_title_breaks_the_front_matter(title):
    front, _ = written(with_article(title=title, summary=title, tags=[title]))
    line = " ".join(title.split())
    assert (front["title"], front["summary"], front["tags"], front["draft"]) == (line, line, [line], True)


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_whatever_the_title_the_front_matter_reads_back(title):
    front, _ = written(with_article(title=title))
    assert front["title"] == " ".join(title.split())


ODD = [
    *(
        "no",
        "No",
        "ON",
        "off",
        "yes",
        "Y",
        "n",
        "true",
        "null",
        "~",
        "",
        "=",
        "<<",
        "24:7",
        "12:30",
        "-12:30:15",
        "1e3",
    ),
    *(
        "0x1",
        "0o17",
        "017",
        "0b1",
        "1_000",
        "1,000",
        ".inf",
        "-.NaN",
        "+1",
        "2026-11-20",
        "2026-11-20 10:00",
        ":symbol",
    ),
    *("- a", "a: b", "a #b", "? a", "@a", "`a`", "%a", "!a", "&a", "*a", "{a}", "[a]", "|", ">", "'a'", '"a"', "\\"),
]
"""Text that some reader of YAML takes for something else."""


def read_by_all(text: str) -> list[Any]:
    """The text as readers of YAML 1.1 and 1.2 have it; PyYAML is one of 1.1 by another hand."""
    read = [yaml.safe_load(text)]
    for version in ((1, 1), (1, 2)):
        reader: Any = YAML(typ="safe", pure=True)
        reader.version = version
        read.append(reader.load(text))
    return read


@settings(max_examples=150)
@given(st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)))
def test_every_reader_of_yaml_has_the_same_text(text):
    line = " ".join(text.split())
    front = {"title": line, "tags": [line, "x"], "draft": True, "params": {"lang": line}}
    assert read_by_all(_yaml(front)) == [front] * 3


@pytest.mark.parametrize("text", ODD)
def test_text_that_a_reader_could_take_for_something_else_is_in_quotes(text):
    assert _yaml({"lang": text}).removeprefix("lang: ")[0] in "\"'"


def test_hostile_words_do_not_become_markup():
    site = with_article(
        intro="<script>alert(1)</script> [x](javascript:alert(1))",
        sections=[Section(heading="# {{ evil }} </h2><script>", body="```\nnever closed")],
        conclusion="The end.",
    )
    _, body = written(site)
    html = MarkdownIt("commonmark", {"html": True}).render(body)
    assert "<script" not in html
    assert "javascript:" not in html.replace("(javascript:alert(1))", "")
    assert "{{" not in body
    assert "<p>The end.</p>" in html
