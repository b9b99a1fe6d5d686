"""Step 08: the site's configuration, on which every other step is based.

Invariant: a `SiteConfig` that parses has exactly the ordered numbers of articles and images, and unique page slugs; so
the number of calls of the later steps is known before any of them is made.
"""

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, create_model
from slugify import slugify

from pressrun.brief import SiteBrief
from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.steps import checks, prompts
from pressrun.steps.base import (
    InvalidReply,
    Order,
    Output,
    Parsed,
    Reading,
    Step,
    Wanted,
    chat_call,
    parse_chat,
    reading,
)

__all__ = [
    "CONFIG_ITEM",
    "STEP",
    "ArticlePlan",
    "ImagePlan",
    "Page",
    "Palette",
    "Section",
    "SiteConfig",
    "article_item",
    "image_item",
]


CONFIG_ITEM = "site-config"
"""The only item of step 08."""


@lru_cache(maxsize=1024)
def _latin_slug(value: str) -> str:
    """The model's text as a slug of a-z, 0-9 and dashes; it becomes a file name later, so it is never trusted.

    Cached, because slugify searches the whole import path for an optional package each time.
    """
    return slugify(value, max_length=60, word_boundary=True) or "untitled"


LatinSlug = Annotated[str, AfterValidator(_latin_slug)]


class Palette(Output):
    primary: str = Field(description="Main brand colour, #rrggbb.")
    secondary: str = Field(description="Supporting colour, #rrggbb.")
    accent: str = Field(description="Colour of buttons and links, #rrggbb.")
    background: str = Field(description="Page background, #rrggbb.")
    text: str = Field(description="Body text, #rrggbb, at least 4.5:1 against the background.")


class Section(Output):
    heading: str = Field(description="A heading that says something, without markup.")
    body: str = Field(description="Two or more paragraphs in Markdown, separated by blank lines; no headings, no HTML.")


class Page(Output):
    slug: LatinSlug = Field(description="Latin lower case and dashes, such as about-us.")
    kind: Literal["home", "about", "services", "contact", "faq", "other"]
    nav_label: str = Field(description="At most three words for the menu.")
    headline: str = Field(description="The page's main heading.")
    intro: str = Field(description="One or two sentences under the headline.")
    sections: list[Section] = Field(description="Two to four sections of finished copy.")
    call_to_action: str = Field(description="The words on the page's button.")


class ArticlePlan(Output):
    title: str = Field(description="Working title; no two articles alike.")
    slug: LatinSlug = Field(description="Latin lower case and dashes, at most 60 characters.")
    angle: str = Field(description="What this article says that the others do not.")
    reader_question: str = Field(description="The question that a reader typed before finding it.")
    keywords: list[str] = Field(description="One main search term first, then two to four others.")
    outline: list[str] = Field(description="Four to six section headings, in order.")


class ImagePlan(Output):
    placement: str = Field(description="Slug of the page or of the article that the image belongs to.")
    role: Literal["hero", "article", "section", "portrait", "detail", "background"]
    orientation: Literal["landscape", "square", "portrait"]
    subject: str = Field(description="What is seen, in at most twelve words.")
    prompt: str = Field(description="Full prompt in English for an image model: subject, setting, light, lens, mood.")


class SiteConfig(Output):
    """Everything the later steps need to know of the site."""

    site_name: str
    tagline: str = Field(description="At most ten words.")
    description: str = Field(description="What the business is and for whom, in two sentences.")
    voice: str = Field(description="Three sentences of guidance for the writers: person, rhythm, words to avoid.")
    palette: Palette
    pages: list[Page]
    articles: list[ArticlePlan]
    images: list[ImagePlan]


def article_item(number: int) -> str:
    """`article-01` for the first plan."""
    return f"article-{number:02d}"


def image_item(number: int) -> str:
    """`image-01` for the first plan."""
    return f"image-{number:02d}"


def _ordered_config(brief: SiteBrief) -> type[SiteConfig]:
    """`SiteConfig` with the brief's counts in its schema, so that the provider also enforces them."""
    return _config_with(brief.article_count, brief.image_count, len(brief.pages))


@lru_cache(maxsize=64)
def _config_with(article_count: int, image_count: int, page_count: int) -> type[SiteConfig]:
    """One class for all sites of the same size, so that a fleet builds its schema once."""
    articles = Annotated[list[ArticlePlan], Field(min_length=article_count, max_length=article_count)]
    images = Annotated[list[ImagePlan], Field(min_length=image_count, max_length=image_count)]
    pages = Annotated[list[Page], Field(min_length=page_count, max_length=page_count)]
    return create_model(
        "SiteConfig", __base__=SiteConfig, articles=(articles, ...), images=(images, ...), pages=(pages, ...)
    )


TASK = """\
Plan this client's whole website and write the copy of its pages.

1. Identity: site_name, tagline, description, and a voice note that another writer could follow.
2. Palette: five colours in #rrggbb built on the brand colours when the brief gives any. Body text must have a contrast
   of at least 4.5:1 on the background.
3. Pages: exactly these {pages_count}, in this order: {pages}. The first is the home page (kind "home"). Write finished
   copy: a headline that no competitor could use, an intro, and two to four sections of two short paragraphs.
4. Articles: exactly {article_count}. Each answers a different question that the audience really types into a search
   engine before buying. No two may overlap in topic, main search term or outline. Together they should cover the
   services and the keywords of the brief.
5. Images: exactly {image_count}, as a photographer's shot list. The first is the hero of the home page; then at least
   one for each page and one for each article (placement is the page's or the article's slug), the rest where they
   help most. Vary distance, angle and light. Prompts are in English, describe one moment in one place, and ask for no
   text, logos, watermarks or recognisable people."""


def calls(order: Order) -> list[Call]:
    """The single large call of step 08."""
    brief = order.brief
    task = TASK.format(
        pages_count=len(brief.pages),
        pages=", ".join(brief.pages),
        article_count=brief.article_count,
        image_count=brief.image_count,
    )
    wanted = Wanted(model=_ordered_config(brief), max_tokens=24_000, effort="low")
    task += prompts.wishes(order.wishes)
    return [chat_call(order, StepName.CONFIG, CONFIG_ITEM, task, wanted)]


def parse(order: Order, call: Call, answer: Answer) -> Reading:
    """The configuration, with counts and uniqueness checked. Raises `InvalidReply`."""
    config = parse_chat(answer, _ordered_config(order.brief))
    faults = checks.text_faults(_prose(config), order.brief)
    for what, texts in (
        ("page slug", [page.slug for page in config.pages]),
        ("article title", [plan.title for plan in config.articles]),
    ):
        numbered = {f"number {number}": text for number, text in enumerate(texts, start=1)}
        faults += [f"{item}: {fault}" for item, found in checks.duplicates(numbered, what).items() for fault in found]
    if faults:
        raise InvalidReply(faults)
    content = SiteConfig.model_validate(config.model_dump())
    return reading(call, Parsed(content=content, warnings=_placement_warnings(config)))


def _prose(config: SiteConfig) -> list[tuple[str, str]]:
    prose = [("description", config.description), ("tagline", config.tagline)]
    for page in config.pages:
        sections = "\n\n".join(section.body for section in page.sections)
        prose.append((f"page {page.slug}", f"{page.headline}\n\n{page.intro}\n\n{sections}"))
    return prose + [(f"article plan {plan.slug}", plan.title) for plan in config.articles]


def _placement_warnings(config: SiteConfig) -> tuple[str, ...]:
    known = {page.slug for page in config.pages} | {plan.slug for plan in config.articles}
    return tuple(
        f"{image_item(number)} is placed on '{plan.placement[:60]}', which is not a page or article; see the gallery"
        for number, plan in enumerate(config.images, start=1)
        if plan.placement not in known
    )


def specimen(brief: SiteBrief) -> SiteConfig:
    """A configuration of the ordered size with filler of typical length, to count tokens before step 08 has run."""
    words = "neighbourhood customers choose carefully because quality matters "
    section = Section(heading=words[:40], body=words * 16)
    page = Page(
        slug="page-00",
        kind="other",
        nav_label="Page",
        headline=words[:50],
        intro=words * 3,
        sections=[section] * 3,
        call_to_action="Get in touch",
    )
    article = ArticlePlan(
        title=words[:60],
        slug="article",
        angle=words * 2,
        reader_question=words,
        keywords=["search term"] * 4,
        outline=[words[:40]] * 5,
    )
    image = ImagePlan(placement="page", role="section", orientation="landscape", subject=words[:60], prompt=words * 6)
    palette = Palette(primary="#000000", secondary="#000000", accent="#000000", background="#ffffff", text="#000000")
    return SiteConfig(
        site_name=brief.name,
        tagline=words[:50],
        description=words * 3,
        voice=words * 5,
        palette=palette,
        pages=[page.model_copy(update={"slug": f"page-{number:02d}"}) for number in range(len(brief.pages))],
        articles=[article] * brief.article_count,
        images=[image] * brief.image_count,
    )


def _output_tokens(order: Order) -> int:
    """Identity, palette and reasoning, plus about 650 tokens per page, 190 per article plan, 130 per image plan."""
    brief = order.brief
    return 1_300 + 650 * len(brief.pages) + 190 * brief.article_count + 130 * brief.image_count


STEP = Step(
    name=StepName.CONFIG,
    title="08 configuration",
    endpoint=Endpoint.CHAT,
    calls=calls,
    parse=parse,
    output_tokens=_output_tokens,
)
