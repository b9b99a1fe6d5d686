"""Model text, made safe to display and to deliver.

Invariant: for any text, `to_html` returns HTML without scripts, styles, images or unsafe links, and `to_markdown` and
`plain_to_markdown` return Markdown that no common renderer turns into raw HTML, a template call or an unsafe link.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

__all__ = ["plain_to_markdown", "to_html", "to_markdown"]

SAFE_SCHEMES = {"http", "https", "mailto", "tel"}
BLOCKS = {"p", "br", "hr", "pre", "blockquote", "ul", "ol", "li", "h3", "h4", "h5", "h6"}
TAGS = BLOCKS | {"em", "strong", "code", "a", "table", "thead", "tbody", "tr", "th", "td"}
OPENING, CLOSING = "「『《〈（【“‘", "」』》〉）】”’，。：；！？、"
SENTINEL = "pressrun-end-of-text"


class _Unguarded(MarkdownIt):
    """Parses every link, including those that markdown-it would leave as text, so that they can be found."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002 - markdown-it's own signature
        return True


_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table")
_INSPECTOR = _Unguarded("commonmark", {"html": False}).enable("table")


def to_html(text: str) -> Markup:
    """Markdown as sanitised HTML. Headings start at `h3`; images and links without a scheme lose their target."""
    tokens = _RENDERER.parse(_outward_punctuation(text))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    html = _RENDERER.renderer.render(tokens, _RENDERER.options, {})
    return Markup(
        nh3.clean(
            html,
            tags=TAGS,
            attributes={"a": {"href"}},
            attribute_filter=_absolute_links_only,
            url_schemes=SAFE_SCHEMES,
            link_rel="noopener noreferrer nofollow",
        )
    )


def to_markdown(text: str) -> str:
    """Safe Markdown: tags and template braces become entities, unsafe links and images become text.

    Braces matter because Hugo, Eleventy and Jekyll run `{{ }}` and `{% %}` in content; tags matter because Astro passes
    them through. An unclosed code fence is removed, because it would swallow the sections after it.
    """
    safe = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", _outward_punctuation(text).strip()).replace("{", "&#123;")
    if not _ends_where_it_ends(safe):
        safe = re.sub(r"`{3,}|~{3,}", "", safe)
    if _has_unsafe_target(safe):
        safe = safe.replace("](", "]\\(").replace("]:", "]\\:")
    if _has_unsafe_target(safe) or not _ends_where_it_ends(safe):
        return plain_to_markdown(text)
    return safe


def plain_to_markdown(text: str) -> str:
    """Plain text as one line of Markdown that shows exactly this text: for headings, captions and alternative text."""
    line = " ".join(text.split())
    line = re.sub(r"&(?=#?\w+;)", "&amp;", line)
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", line).replace("{", "&#123;")


def _absolute_links_only(_tag: str, name: str, value: str) -> str | None:
    """A relative link has no target in a preview on disk."""
    return value if name != "href" or re.match(r"[a-zA-Z]+:", value) else None


def _outward_punctuation(text: str) -> str:
    """Move CJK punctuation out of bold text: in CommonMark `**重點：**說明` is not bold, but `**重點**：說明` is."""
    return re.sub(r"\*\*([^*\n]+)\*\*", _move_punctuation, text)


def _move_punctuation(match: re.Match[str]) -> str:
    inner = match[1]
    bold = inner.lstrip(OPENING).rstrip(CLOSING)
    if not bold.strip() or bold == inner:
        return match[0]
    start = inner.index(bold)
    return f"{inner[:start]}**{bold}**{inner[start + len(bold) :]}"


def _ends_where_it_ends(text: str) -> bool:
    """Whether text added after this text would be a separate paragraph."""
    tokens = _INSPECTOR.parse(f"{text}\n\n{SENTINEL}")
    inlines = [token for token in tokens if token.type == "inline"]
    return bool(inlines) and inlines[-1].content == SENTINEL and inlines[-1].level == 1


def _has_unsafe_target(text: str) -> bool:
    return any(
        token.type == "image" or (token.type == "link_open" and not _is_safe_target(str(token.attrs.get("href", ""))))
        for token in _flatten(_INSPECTOR.parse(text))
    )


def _is_safe_target(href: str) -> bool:
    """Whether the scheme is safe for a browser, which ignores white space and control characters in it."""
    bare = re.sub(r"[\x00-\x20\x7f]", "", unquote(href)).lower()
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", bare)
    return scheme is None or scheme[1] in SAFE_SCHEMES


def _flatten(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flatten(token.children or [])
