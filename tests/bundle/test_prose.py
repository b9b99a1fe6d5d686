import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pressrun.bundle.prose import plain_to_markdown, to_html, to_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[go](javascript:alert(1))",
    "[go](JaVaScRiPt:alert(1))",
    "[go](java&Tab;script:alert(1))",
    "[go](javascript&colon;alert(1))",
    "[go](data:text/html;base64,PHNjcmlwdD4=)",
    "[go][1]\n\n[1]: javascript:alert(1)",
    "[go]\n\n[go]: vbscript:x",
    "<javascript:alert(1)>",
    "![spy](https://evil.example/pixel.gif)",
    "![spy][p]\n\n[p]: https://evil.example/pixel.gif",
    "</style><script>alert(1)</script>",
    "<!-- <script> -->",
    "`</script>`",
]
PIECES = st.lists(
    st.sampled_from(
        [*HOSTILE, "](", "]:", "[a]", "(", "<", ">", "{{", "{%", "`", "```", "~~~", "\n", "\n\n", "**", "字。"]
    ),
    max_size=8,
).map("".join)


class Naive(MarkdownIt):
    """A renderer as careless as they come: raw HTML and every link."""

    def validateLink(self, url):  # noqa: ARG002 - markdown-it's own signature
        return True


def render_naively(text: str) -> str:
    return Naive("commonmark", {"html": True}).render(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_becomes_harmless_html(text):
    html = to_html(text).lower()
    assert not re.search(r"<(script|img|style|iframe|svg)", html)
    assert not re.search(r'href="(?!https?:|mailto:|tel:)', html)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_stays_harmless_in_a_careless_renderer(text):
    html = render_naively(to_markdown(text)).lower()
    assert not re.search(r"<(script|img|style|iframe|svg|!--|/style|/script)", html)
    assert not re.search(r'href="(?!https?:|mailto:|tel:)', html)


@given(PIECES)
def test_no_mixture_of_hostile_pieces_gets_through(text):
    for html in (to_html(text), render_naively(to_markdown(text)), render_naively(plain_to_markdown(text))):
        assert not re.search(r"<(script|img|style|!--)", html.lower())
        assert not re.search(r'href="(?!https?:|mailto:|tel:)', html.lower())
    assert "{" not in to_markdown(text) + plain_to_markdown(text)


def test_ordinary_markdown_is_handed_on_as_it_is():
    text = "A *fine* day, see [the quay](https://quay.example/a?b=1).\n\n- one\n- two & three\n\n> 5 < 6"
    assert to_markdown(text) == text
    assert '<a href="https://quay.example/a?b=1" rel="noopener noreferrer nofollow">the quay</a>' in to_html(text)


def test_links_within_the_site_lose_their_target_in_the_preview_but_not_in_markdown():
    assert "href" not in to_html("[prices](/services/)")
    assert to_markdown("[prices](/services/)") == "[prices](/services/)"


def test_template_calls_do_not_reach_static_site_generators():
    assert "{{" not in to_markdown("{{< readfile secret >}} and {% include x %}")
    assert render_naively(to_markdown("{{ x }}")) == "<p>{{ x }}</p>\n"


def test_an_unclosed_code_fence_does_not_swallow_what_follows():
    body = to_markdown("Before.\n\n```\ncode") + "\n\n## Next"
    assert "<h2>Next</h2>" in render_naively(body)


def test_a_closed_code_fence_stays():
    assert to_markdown("```\ncode\n```") == "```\ncode\n```"


def test_headings_in_the_body_start_below_those_of_the_page():
    assert to_html("# Big\n\n## Less") == "<h3>Big</h3>\n<h4>Less</h4>\n"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**重點：**說明", "<strong>重點</strong>：說明"),
        ("這是**「重點」**的意思", "這是「<strong>重點</strong>」的意思"),
        ("**甲**文字，**乙**", "<strong>甲</strong>文字，<strong>乙</strong>"),
        ("**：**", "<strong>：</strong>"),
    ],
)
def test_bold_chinese_text_is_bold_although_punctuation_stands_at_its_edge(written, read):
    assert to_html(written) == f"<p>{read}</p>\n"


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40))
def test_plain_text_reads_in_markdown_exactly_as_it_was(text):
    heading = render_naively(f"## x {plain_to_markdown(text)} x")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert heading == f"<h2>x {escaped} x</h2>\n"
