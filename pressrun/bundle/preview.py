"""The preview: the whole site as one HTML file that works from disk.

Invariant: the page loads only the bundle's own images; its content security policy forbids scripts and the network, and
model text is always escaped (Jinja's autoescape) or sanitised (`prose.to_html`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

import langcodes
from humanize import naturalsize
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pressrun.bundle.colours import theme
from pressrun.bundle.layout import Layout, PlacedPage
from pressrun.bundle.prose import to_html
from pressrun.steps.checks import display_width

__all__ = ["preview_page"]

WIDTH_LIMITS = {"title": (30, 60), "description": (120, 160)}
"""Recommended widths, with a full-width character as two; what search results have room for."""
RIGHT_TO_LEFT = {"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm"}


def preview_page(layout: Layout, seo: Sequence[Mapping[str, Any]], *, made_at: datetime) -> str:
    """`preview/index.html`: every page, article and image of the site, and the editor's checklist."""
    language = langcodes.Language.get(layout.site.brief.language).maximize()
    template = _environment().get_template("index.html")
    return template.render(
        site=layout.site,
        brief=layout.site.brief,
        config=layout.site.config,
        pages=layout.pages,
        home=layout.pages[0],
        articles=layout.articles,
        pictures=list(layout.pictures.values()),
        homes=_homes(layout),
        warnings=layout.warnings,
        anchors=[*(f"page-{placed.slug}" for placed in layout.pages), "articles"],
        seo=seo,
        made_at=made_at,
        theme=theme(layout.site.config.palette),
        css=Markup(_css()),
        direction="rtl" if language.script in RIGHT_TO_LEFT else "ltr",
        button_target=lambda page: _button_target(layout, page),
        phone_link=_phone_link,
        email_link=_email_link,
        **_labels(language),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pressrun.bundle"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": to_html, "filesize": naturalsize, "fit": _fit}
    environment.globals["zip_longest"] = zip_longest
    return environment


@cache
def _css() -> str:
    """Our own style sheet, which uses only the theme's and the editor's colours."""
    package = files("pressrun.bundle")
    return "\n".join((package / name).read_text(encoding="utf-8") for name in ("preview.css", "editor.css"))


@cache
def _all_labels() -> dict[str, dict[str, str]]:
    text = (files("pressrun.bundle") / "labels.json").read_text(encoding="utf-8")
    labels: dict[str, dict[str, str]] = json.loads(text)
    return labels


def _labels(language: langcodes.Language) -> dict[str, Any]:
    """The preview's own labels in the site's language, otherwise in English, and the language they are in."""
    names = (f"{language.language}-{language.script}", str(language.language), "en")
    name = next(name for name in names if name in _all_labels())
    return {"say": _all_labels()[name], "say_lang": name}


def _homes(layout: Layout) -> dict[str, tuple[str, str]]:
    """Where each image is shown in the preview: image item -> anchor and name of its page or article."""
    pages = {("page", placed.slug): (f"page-{placed.slug}", placed.page.nav_label) for placed in layout.pages}
    articles = {
        ("article", placed.slug): (f"article-{placed.slug}", placed.article.title) for placed in layout.articles
    }
    hosts = pages | articles
    return {
        item: hosts[picture.host.kind, picture.host.slug]
        for item, picture in layout.pictures.items()
        if picture.host and (picture.host.kind, picture.host.slug) in hosts
    }


def _button_target(layout: Layout, placed: PlacedPage) -> str | None:
    """The target of a page's button: the contact page or, on that page or without one, e-mail or telephone."""
    contact_page = next((page for page in layout.pages if page.page.kind == "contact"), None)
    if contact_page and contact_page is not placed:
        return f"#page-{contact_page.slug}"
    contact = layout.site.brief.contact
    if contact.email:
        return _email_link(contact.email)
    return _phone_link(contact.phone) if contact.phone else None


def _email_link(email: str) -> str:
    return f"mailto:{quote(email, safe='@+')}"


def _phone_link(phone: str) -> str:
    return "tel:" + "".join(sign for sign in phone if sign in "+0123456789")


def _fit(text: str, kind: str) -> dict[str, Any]:
    """The text's width in half-width characters, and whether it is within the recommended limits."""
    width = display_width(text)
    low, high = WIDTH_LIMITS[kind]
    return {"width": width, "low": low, "high": high, "good": low <= width <= high}
