"""`seo.json`: the content for the `<head>` of every page and every article.

Invariant: every URL is absolute, under the client's domain, and built from our own slugs; each page has exactly one
canonical URL, its own.
"""

from datetime import datetime
from typing import Any

import langcodes

from pressrun.bundle.layout import Layout, PlacedArticle, PlacedPage
from pressrun.bundle.pictures import Picture

__all__ = ["seo_records"]

Record = dict[str, Any]

PAGE_TYPES = {"about": "AboutPage", "contact": "ContactPage"}


def seo_records(layout: Layout, *, made_at: datetime) -> list[Record]:
    """One record for each page and each generated article, pages first.

    A page without meta tags gets its headline and intro instead, with `fallback` set.
    """
    pages = [_page(layout, page, is_home=page is layout.pages[0]) for page in layout.pages]
    return [*pages, *(_article(layout, article, made_at) for article in layout.articles)]


def _page(layout: Layout, placed: PlacedPage, *, is_home: bool) -> Record:
    url = _url(layout, "" if is_home else f"{placed.slug}/")
    page, seo = placed.page, placed.seo
    title, description = (seo.title, seo.description) if seo else (page.headline, page.intro)
    picture = placed.lead or layout.pages[0].lead
    record = _record(layout, url, title, description, picture)
    record["open_graph"] |= {
        "title": seo.og_title if seo else title,
        "description": seo.og_description if seo else description,
        "type": "website",
    }
    web_page: Record = {
        "@type": PAGE_TYPES.get(page.kind, "WebPage"),
        "@id": f"{url}#page",
        "url": url,
        "name": title,
        "description": description,
        "inLanguage": layout.site.brief.language,
        "isPartOf": {"@id": _url(layout, "#website")},
        "about": {"@id": _url(layout, "#business")},
    }
    if picture:
        web_page["primaryImageOfPage"] = _image_object(layout, picture)
    return {
        "kind": "page",
        **record,
        "focus_keyword": seo.focus_keyword if seo else None,
        "fallback": seo is None,
        "json_ld": {"@context": "https://schema.org", "@graph": [_business(layout), _website(layout), web_page]},
    }


def _article(layout: Layout, placed: PlacedArticle, made_at: datetime) -> Record:
    url = _url(layout, f"articles/{placed.slug}/")
    article = placed.article
    record = _record(layout, url, article.seo_title, article.seo_description, placed.lead or layout.pages[0].lead)
    record["open_graph"] |= {"title": article.title, "description": article.summary, "type": "article"}
    posting: Record = {
        "@type": "BlogPosting",
        "@id": f"{url}#article",
        "mainEntityOfPage": url,
        "headline": article.title,
        "description": article.seo_description,
        "author": _publisher(layout),
        "publisher": _publisher(layout),
        "datePublished": made_at.isoformat(timespec="seconds"),
        "inLanguage": layout.site.brief.language,
        "keywords": placed.plan.keywords,
    }
    if placed.lead:
        posting["image"] = _image_object(layout, placed.lead)
    return {
        "kind": "article",
        **record,
        "focus_keyword": next(iter(placed.plan.keywords), None),
        "fallback": False,
        "json_ld": {"@context": "https://schema.org", "@graph": [_business(layout), _website(layout), posting]},
    }


def _record(layout: Layout, url: str, title: str, description: str, picture: Picture | None) -> Record:
    open_graph: Record = {
        "url": url,
        "locale": _locale(layout.site.brief.language),
        "site_name": layout.site.config.site_name,
    }
    if picture:
        open_graph |= {
            "image": _url(layout, f"images/{picture.file}"),
            "image_width": picture.width,
            "image_height": picture.height,
            "image_alt": picture.alt,
        }
    return {
        "path": "/" + url.removeprefix(_url(layout)),
        "url": url,
        "canonical": url,
        "title": title,
        "description": description,
        "open_graph": open_graph,
    }


def _business(layout: Layout) -> Record:
    """The client; `LocalBusiness` only with an address, which consumers of schema.org data require for it."""
    brief = layout.site.brief
    contact = brief.contact
    known = {"email": contact.email, "telephone": contact.phone, "address": contact.address}
    return {
        "@type": "LocalBusiness" if contact.address else "Organization",
        "@id": _url(layout, "#business"),
        "name": brief.name,
        "url": _url(layout),
        "description": layout.site.config.description,
        **{name: value for name, value in known.items() if value},
    }


def _publisher(layout: Layout) -> Record:
    """The client in short form, with the id of the full record, for consumers that do not follow ids."""
    name = layout.site.brief.name
    return {"@type": "Organization", "@id": _url(layout, "#business"), "name": name, "url": _url(layout)}


def _website(layout: Layout) -> Record:
    return {
        "@type": "WebSite",
        "@id": _url(layout, "#website"),
        "url": _url(layout),
        "name": layout.site.config.site_name,
        "inLanguage": layout.site.brief.language,
        "publisher": {"@id": _url(layout, "#business")},
    }


def _image_object(layout: Layout, picture: Picture) -> Record:
    return {
        "@type": "ImageObject",
        "url": _url(layout, f"images/{picture.file}"),
        "width": picture.width,
        "height": picture.height,
    }


def _url(layout: Layout, path: str = "") -> str:
    """An absolute URL; a domain with non-ASCII letters is written in its IDNA form."""
    return f"https://{layout.site.brief.host}/{path}"


def _locale(language: str) -> str:
    """Open Graph's `language_TERRITORY`, with the language's most likely territory when the tag has none."""
    tag = langcodes.Language.get(language).maximize()
    return f"{tag.language}_{tag.territory}"
