"""One realistic site in English and one in Traditional Chinese, with drawn images: what the bundle's tests deliver."""

import io
import math
from datetime import UTC, datetime
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

from pressrun.brief import Contact, SiteBrief
from pressrun.calls import MissingItem, StepName
from pressrun.site import Site
from pressrun.steps.articles import Article
from pressrun.steps.config import ArticlePlan, ImagePlan, Page, Palette, Section, SiteConfig
from pressrun.steps.descriptions import ImageDescription
from pressrun.steps.seo import PageSeo
from tests.bundle.words import CHINESE, ENGLISH, Copy

MADE_AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
COPY = {"en-GB": ENGLISH, "zh-TW": CHINESE}
ORIENTATIONS = {"landscape": (3, 2), "square": (1, 1), "portrait": (2, 3)}


def make_site(language: str = "en-GB", *, pixels: int = 48, **changes: Any) -> Site:
    """A whole site; `changes` replace fields of it. `pixels` is the length of an image's shorter unit."""
    copy = COPY[language]
    config = make_config(copy)
    site = Site(
        brief=make_brief(copy, language),
        config=config,
        articles={f"article-{number:02d}": make_article(copy, number) for number in range(1, 7)},
        images={
            f"image-{number:02d}": draw(plan.orientation, number, pixels)
            for number, plan in enumerate(config.images, 1)
        },
        descriptions={
            f"image-{number:02d}": ImageDescription(alt=alt, caption=caption, refined_prompt=f"{subject}, 35 mm, dawn")
            for number, (_, _, _, subject, alt, caption) in enumerate(copy.images, 1)
        },
        seo={page.slug: make_seo(page, copy) for page in config.pages},
    )
    return site.model_copy(update=changes)


def make_brief(copy: Copy, language: str) -> SiteBrief:
    return SiteBrief(
        name=copy.name,
        slug=copy.slug,
        domain=f"{copy.slug}.example",
        trade=copy.trade,
        language=language,
        audience=copy.audience,
        services=copy.services,
        contact=Contact(**copy.contact),
        pages=[label for _, _, label, *_ in copy.pages],
        article_count=6,
        image_count=len(copy.images),
    )


def make_config(copy: Copy) -> SiteConfig:
    return SiteConfig(
        site_name=copy.name,
        tagline=copy.tagline,
        description=copy.description,
        voice="Plain, warm, exact.",
        palette=Palette(**copy.palette),
        pages=[
            Page(
                slug=slug,
                kind=kind,
                nav_label=label,
                headline=headline,
                intro=intro,
                sections=[Section(heading=heading, body=body) for heading, body in sections],
                call_to_action=call,
            )
            for slug, kind, label, headline, intro, call, sections in copy.pages
        ],
        articles=[
            ArticlePlan(
                title=title,
                slug=slug,
                angle="Its own angle.",
                reader_question=f"{title}?",
                keywords=keywords,
                outline=copy.headings,
            )
            for title, slug, _, keywords in copy.articles
        ],
        images=[
            ImagePlan(
                placement=placement,
                role=role,
                orientation=orientation,
                subject=subject,
                prompt=f"{subject}, soft morning light",
            )
            for placement, role, orientation, subject, _, _ in copy.images
        ],
    )


def make_article(copy: Copy, number: int) -> Article:
    title, _, summary, keywords = copy.articles[number - 1]
    return Article(
        title=title,
        summary=summary,
        intro=copy.opening,
        sections=[
            Section(heading=heading, body=body) for heading, body in zip(copy.headings, copy.bodies, strict=True)
        ],
        conclusion=copy.conclusion,
        seo_title=f"{title} | {copy.name}"[:60],
        seo_description=summary,
        tags=keywords[:2],
    )


def make_seo(page: Page, copy: Copy) -> PageSeo:
    return PageSeo(
        title=f"{page.headline} | {copy.name}",
        description=f"{page.intro} {copy.description}",
        og_title=page.headline,
        og_description=page.intro,
        focus_keyword=copy.trade,
    )


def missing_article(number: int) -> MissingItem:
    return MissingItem(step=StepName.ARTICLES, item=f"article-{number:02d}", reason="refused twice by the model")


@cache
def draw(orientation: str = "landscape", seed: int = 1, pixels: int = 48, kind: str = "JPEG") -> bytes:
    """Hills below a sun, as an encoded image."""
    wide, high = (side * pixels for side in ORIENTATIONS[orientation])
    image = Image.new("RGB", (wide, high))
    pen = ImageDraw.Draw(image)
    warm = seed * 37 % 70
    for y in range(high):
        share = y / high
        pen.line([(0, y), (wide, y)], fill=(120 + warm + int(90 * share) // 2, 160 + int(50 * share), 215 - warm))
    radius = high // 8
    x = wide * (seed * 29 % 80 + 10) // 100
    pen.ellipse([x - radius, high // 4 - radius, x + radius, high // 4 + radius], fill=(255, 236, 190))
    for layer in range(4):
        base, swing = high * (0.5 + layer * 0.13), high * 0.07
        shade = tuple(int(channel * (1 - layer * 0.2)) for channel in (96 + warm, 128, 118))
        hill = [
            (px, base + swing * math.sin(px / wide * (3 + layer) + seed * (layer + 1))) for px in range(0, wide + 1, 2)
        ]
        pen.polygon([*hill, (wide, high), (0, high)], fill=shade)
    data = io.BytesIO()
    image.save(data, kind, quality=85)
    return data.getvalue()
