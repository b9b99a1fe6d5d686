"""`Layout`: the names and positions of everything in the site, shared by all files of the bundle.

Invariant: slugs here are `[a-z0-9-]`, never empty, unique among the pages and among the articles, and the same for
the same site. Text from a model never becomes a file name without passing through here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slugify import slugify

from pressrun.bundle.colours import palette_warnings
from pressrun.bundle.pictures import Host, Kind, Picture, make_picture
from pressrun.site import Site
from pressrun.steps.articles import Article
from pressrun.steps.config import ArticlePlan, ImagePlan, Page, article_item, image_item
from pressrun.steps.seo import PageSeo

__all__ = ["Layout", "PlacedArticle", "PlacedPage", "lay_out", "unique_slugs"]

SLUG_LIMIT = 60
"""Characters, as requested for `ArticlePlan.slug`."""
DEVICE_NAMES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows reserves for devices, with any extension."""


@dataclass(frozen=True, kw_only=True)
class PlacedPage:
    page: Page
    slug: str
    seo: PageSeo | None
    lead: Picture | None
    """The page's hero: the first image with that role, otherwise the first image placed on the page."""
    others: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class PlacedArticle:
    item: str
    plan: ArticlePlan
    article: Article
    slug: str
    lead: Picture | None
    others: tuple[Picture, ...]

    @property
    def file(self) -> str:
        return f"articles/{self.slug}.md"


@dataclass(frozen=True, kw_only=True)
class Layout:
    site: Site
    pages: tuple[PlacedPage, ...]
    """The first one is the home page."""
    articles: tuple[PlacedArticle, ...]
    """The generated articles, in the order of the plans."""
    pictures: Mapping[str, Picture]
    """By item, in the order of the plans."""
    warnings: tuple[str, ...]
    """The site's own warnings, and those from laying it out."""


def lay_out(site: Site) -> Layout:
    """Give everything its name and position. Unusable parts (an unreadable image) are left out with a warning.

    Raises `ValueError` for a configuration without pages.
    """
    config = site.config
    if not config.pages:
        raise ValueError("a site needs at least one page")
    page_slugs = unique_slugs([page.slug or page.nav_label for page in config.pages], "page")
    article_slugs = unique_slugs([plan.slug or plan.title for plan in config.articles], "article")
    hosts = _hosts(site, page_slugs, article_slugs)
    plans = {image_item(number): plan for number, plan in enumerate(config.images, 1)}
    made = {
        item: make_picture(item, plan, _find_host(plan, hosts), site)
        for item, plan in plans.items()
        if item in site.images
    }
    pictures = {item: picture for item, picture in made.items() if picture}
    on = {host: _lead_first(host, pictures) for host in {picture.host for picture in pictures.values()} if host}
    return Layout(
        site=site,
        pages=tuple(_place_page(site, page, slug, on) for page, slug in zip(config.pages, page_slugs, strict=True)),
        articles=tuple(
            _place_article(item, plan, site.articles[item], slug, on)
            for number, (plan, slug) in enumerate(zip(config.articles, article_slugs, strict=True), 1)
            if (item := article_item(number)) in site.articles
        ),
        pictures=pictures,
        warnings=(*site.warnings, *palette_warnings(config.palette), *_image_warnings(site, made, pictures)),
    )


def unique_slugs(wanted: Sequence[str], spare: str) -> list[str]:
    """A slug for each text, in order: cleaned, transliterated, `spare` if nothing is left, then -2, -3, ..."""
    taken = set(DEVICE_NAMES)
    return [_take(wish, spare, taken) for wish in wanted]


def _take(wish: str, spare: str, taken: set[str]) -> str:
    base = slugify(wish, max_length=SLUG_LIMIT, word_boundary=True, save_order=True) or spare
    slug, number = base, 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    taken.add(slug)
    return slug


def _hosts(site: Site, page_slugs: list[str], article_slugs: list[str]) -> dict[tuple[Kind, str], Host]:
    """What a placement may refer to: a planned slug, a delivered slug, or a page's kind; the first match counts."""
    pages = list(zip(site.config.pages, page_slugs, strict=True))
    articles = list(zip(site.config.articles, article_slugs, strict=True))
    named: list[tuple[Kind, str, str]] = [
        *(("page", slugify(page.slug), slug) for page, slug in pages),
        *(("page", slug, slug) for slug in page_slugs),
        *(("page", page.kind, slug) for page, slug in pages),
        *(("article", slugify(plan.slug), slug) for plan, slug in articles),
        *(("article", slug, slug) for slug in article_slugs),
    ]
    hosts: dict[tuple[Kind, str], Host] = {}
    for kind, name, slug in named:
        hosts.setdefault((kind, name), Host(kind, slug))
    return hosts


def _find_host(plan: ImagePlan, hosts: Mapping[tuple[Kind, str], Host]) -> Host | None:
    name = slugify(re.sub(r"^.*/(?=.)", "", plan.placement.strip().rstrip("/")))
    kinds: tuple[Kind, ...] = ("article", "page") if plan.role == "article" else ("page", "article")
    return next((hosts[kind, name] for kind in kinds if name and (kind, name) in hosts), None)


def _lead_first(host: Host, pictures: Mapping[str, Picture]) -> tuple[Picture, ...]:
    roles = ("hero", "article")
    here = [picture for picture in pictures.values() if picture.host == host]
    leads = [picture for role in roles for picture in here if picture.plan.role == role]
    lead = leads[0] if leads else here[0]
    return (lead, *(picture for picture in here if picture is not lead))


def _place_page(site: Site, page: Page, slug: str, on: Mapping[Host, tuple[Picture, ...]]) -> PlacedPage:
    here = on.get(Host("page", slug), ())
    seo = site.seo.get(page.slug) or site.seo.get(slug)
    return PlacedPage(page=page, slug=slug, seo=seo, lead=next(iter(here), None), others=here[1:])


def _place_article(
    item: str, plan: ArticlePlan, article: Article, slug: str, on: Mapping[Host, tuple[Picture, ...]]
) -> PlacedArticle:
    here = on.get(Host("article", slug), ())
    return PlacedArticle(item=item, plan=plan, article=article, slug=slug, lead=next(iter(here), None), others=here[1:])


def _image_warnings(site: Site, made: Mapping[str, Picture | None], pictures: Mapping[str, Picture]) -> list[str]:
    unplanned = [f"{item}: image without a plan; left out" for item in site.images if item not in made]
    unreadable = [
        f"{item}: not a complete JPEG, PNG or WebP image; left out" for item, made_one in made.items() if not made_one
    ]
    homeless = [
        f"{item}: its placement {picture.plan.placement!r} is not a page or article; shown only in the gallery"
        for item, picture in pictures.items()
        if not picture.host
    ]
    return [*unplanned, *unreadable, *homeless]
