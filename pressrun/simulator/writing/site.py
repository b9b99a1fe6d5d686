"""Step 08's reply: a whole site planned from its brief."""

from typing import Any

from pressrun.simulator.writing.asked import Asked
from pressrun.simulator.writing.pages import latin_slug, plan_pages, write_page
from pressrun.simulator.writing.palette import palette
from pressrun.simulator.writing.shots import plan_images
from pressrun.simulator.writing.words import Words

__all__ = ["write_site"]


def write_site(words: Words, asked: Asked) -> dict[str, Any]:
    """The fields of `SiteConfig`, with as many pages, articles and images as the schema asks for."""
    counts = asked.schema.get("properties", {})
    pages = plan_pages(words, _count(counts, "pages", len(words.brief.pages)))
    articles = plan_articles(
        words, _count(counts, "articles", words.brief.article_count), [page.slug for page in pages]
    )
    images = plan_images(words, pages, articles, _count(counts, "images", words.brief.image_count))
    taglines = words.data["taglines"]
    return {
        "site_name": words.brief.name,
        "tagline": words.fill(taglines[words.seed % len(taglines)], 0, 24),
        "description": words.fill(words.data["description"], 0),
        "voice": words.fill(words.data["voice"], 0),
        "palette": palette(words.brief.brand_colours, words.seed),
        "pages": [write_page(words, page) for page in pages],
        "articles": articles,
        "images": images,
    }


def _count(properties: Any, name: str, otherwise: int) -> int:
    wanted = properties.get(name, {}).get("minItems") if isinstance(properties, dict) else None
    return wanted if isinstance(wanted, int) else otherwise


def plan_articles(words: Words, count: int, taken: list[str]) -> list[dict[str, Any]]:
    """`count` article plans; titles and slugs differ from one another, slugs also from those in `taken`."""
    plans: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        _, prose = words.theme(number)
        title = words.fill(prose["title"], number - 1)
        topic = words.fill("{service}", number - 1)
        slug = latin_slug(f"{topic} {prose['slug']}", words, 60)
        if slug in taken or any(plan["title"] == title for plan in plans):
            slug, title = f"{slug[:56]}-{number}", f"{title} ({number})"
        taken = [*taken, slug]
        plans.append(
            {
                "title": title,
                "slug": slug,
                "angle": words.fill(prose["angle"], number - 1),
                "reader_question": words.fill(prose["question"], number - 1),
                "keywords": _keywords(words, prose, topic, number),
                "outline": [words.fill(section["heading"], number - 1) for section in prose["sections"]],
            }
        )
    return plans


def _keywords(words: Words, prose: Any, topic: str, number: int) -> list[str]:
    """A main search term that no other article has, then the service and up to two of the brief's own."""
    tag = words.fill(prose["tags"][0], number - 1)
    own = words.brief.keywords
    picked = [own[(2 * number + at) % len(own)] for at in range(2)] if own else [words.name(30)]
    return list(dict.fromkeys([f"{topic} {tag if words.language == 'zh' else tag.lower()}", topic, *picked]))
