import re
from html.parser import HTMLParser
from typing import Any

import pytest

from pressrun.brief import Contact
from pressrun.bundle.layout import lay_out
from pressrun.bundle.preview import preview_page
from pressrun.bundle.seo import seo_records
from pressrun.site import Site
from pressrun.steps.config import SiteConfig
from tests.bundle.builder import MADE_AT, make_site, missing_article

EVIL = '</style></title><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)\' {{ 7*7 }}'
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """What a browser would find: start tags with their attributes, the text, and tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.mismatched: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mismatched.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for name, attrs in self.tags if name == tag and attribute in attrs]

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.tags if "id" in attrs]


def html_of(site: Site) -> str:
    layout = lay_out(site)
    return preview_page(layout, seo_records(layout, made_at=MADE_AT), made_at=MADE_AT)


def page_of(site: Site) -> Page:
    return Page(html_of(site))


def poisoned(value: Any, fixed: set[str]) -> Any:
    """The same structure with hostile text in every string but those under a fixed name."""
    if isinstance(value, dict):
        return {name: inner if name in fixed else poisoned(inner, fixed) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, fixed) for inner in value]
    return EVIL if isinstance(value, str) else value


def hostile_site() -> Site:
    site = make_site(warnings=[EVIL], missing=[missing_article(1).model_copy(update={"reason": EVIL})])
    fixed = {"kind", "role", "orientation"}
    config = SiteConfig.model_validate(poisoned(site.config.model_dump(), fixed))
    articles = {
        item: type(article).model_validate(poisoned(article.model_dump(), fixed))
        for item, article in site.articles.items()
    }
    descriptions = {
        item: type(description).model_validate(poisoned(description.model_dump(), fixed))
        for item, description in site.descriptions.items()
    }
    seo = {
        page.slug: type(one).model_validate(poisoned(one.model_dump(), fixed))
        for page, one in zip(config.pages, site.seo.values(), strict=True)
    }
    evil_contact = Contact.model_construct(email=EVIL, phone=EVIL, address=EVIL, hours=EVIL)
    brief = site.brief.model_copy(update={"name": EVIL, "services": [EVIL], "contact": evil_contact})
    return site.model_copy(
        update={"config": config, "articles": articles, "descriptions": descriptions, "seo": seo, "brief": brief}
    )


@pytest.mark.parametrize("language", ["en-GB", "zh-TW"])
def test_the_page_is_well_formed_and_every_anchor_leads_somewhere(language):
    page = page_of(make_site(language))
    assert (page.mismatched, page.open) == ([], [])
    assert len(page.ids()) == len(set(page.ids()))
    anchors = {href[1:] for href in page.all("a", "href") if href.startswith("#")}
    assert anchors <= set(page.ids())
    assert {"gallery", "editor", "articles", "everything"} <= anchors
    labels = {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs}
    assert labels <= set(page.ids())


@pytest.mark.parametrize("language", ["en-GB", "zh-TW"])
def test_the_whole_site_can_be_read(language):
    site = make_site(language)
    text = page_of(site).text
    for page in site.config.pages:
        assert page.headline in text
        assert all(section.heading in text for section in page.sections)
    for article in site.articles.values():
        assert article.title in text
    for section in site.articles["article-01"].sections:
        assert section.heading in text
    contact = site.brief.contact
    assert all(value in text for value in (contact.email, contact.phone, contact.address, contact.hours))


def test_every_image_is_in_the_gallery_with_its_words():
    site = make_site("zh-TW")
    html = html_of(site)
    gallery = Page(html[html.index('id="gallery"') : html.index('id="editor"')])
    assert gallery.all("img", "src") == [f"../images/{one.file}" for one in lay_out(site).pictures.values()]
    assert gallery.all("img", "alt") == [one.alt for one in site.descriptions.values()]
    assert all(one.caption in gallery.text for one in site.descriptions.values())


def test_the_page_asks_nothing_of_the_network():
    page = page_of(make_site())
    assert all(src.startswith("../images/") for src in page.all("img", "src"))
    assert page.all("link", "href") == ["data:,"]
    assert "script" not in {tag for tag, _ in page.tags}
    html = html_of(make_site())
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


@pytest.mark.parametrize(("language", "direction"), [("en-GB", "ltr"), ("zh-TW", "ltr"), ("ar", "rtl")])
def test_the_page_says_its_language(language, direction):
    site = make_site()
    page = page_of(site.model_copy(update={"brief": site.brief.model_copy(update={"language": language})}))
    assert page.tags[0] == ("html", {"lang": language, "dir": direction})


@pytest.mark.parametrize(
    ("language", "draft"),
    [("en-GB", "Draft, not published"), ("zh-TW", "草稿，尚未發布"), ("de", "Entwurf"), ("fr", "Draft, not published")],
)
def test_the_draft_note_is_in_the_sites_language_or_in_english(language, draft):
    site = make_site()
    assert (
        draft in page_of(site.model_copy(update={"brief": site.brief.model_copy(update={"language": language})})).text
    )


@pytest.mark.parametrize("language", ["en-GB", "zh-TW"])
def test_only_a_simulated_site_wears_the_ribbon(language):
    assert "SIMULATED" in page_of(make_site(language, simulated=True)).text
    assert "SIMULATED" not in page_of(make_site(language)).text


def test_the_editors_sheet_shows_snippets_warnings_and_what_is_missing():
    site = make_site(warnings=["article-02: title is 66 wide"], missing=[missing_article(4)])
    html = html_of(site)
    sheet = Page(html[html.index('id="editor"') : html.index("</main>")]).text
    assert "article-02: title is 66 wide" in sheet
    assert "refused twice by the model" in sheet
    assert all(seo.title in sheet and seo.description in sheet for seo in site.seo.values())
    assert "https://harbour-bakery.example/articles/choosing-flour/" in sheet


def test_a_site_without_images_articles_and_contact_still_makes_a_page():
    site = make_site(images={}, articles={}, descriptions={}, seo={})
    site = site.model_copy(update={"brief": site.brief.model_copy(update={"contact": Contact()})})
    page = page_of(site)
    assert page.all("img", "src") == []
    assert (page.mismatched, page.open) == ([], [])
    assert "There are no images in this delivery." in page.text
    assert "Bread worth getting up for" in page.text


def test_hostile_text_stays_text():
    html = html_of(hostile_site())
    page = Page(html)
    assert (page.mismatched, page.open) == ([], [])
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(src.startswith("../images/image-") for src in page.all("img", "src"))
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert not any(re.match(r"\s*(javascript|data):", href) for href in page.all("a", "href"))
    assert html.count("</style>") == 1
    assert "{{ 7*7 }}" in page.text
    assert len(page.ids()) == len(set(page.ids()))


def test_a_button_leads_to_the_contact_page_and_from_there_to_the_mail():
    html = html_of(make_site())
    assert '<a class="button " href="#page-contact">Order for tomorrow</a>' in html
    assert '<a class="button " href="mailto:hello@harbour-bakery.example">Write to us</a>' in html
