"""Step 09's reply: one article, with the plan's headings and the prose of its kind."""

from typing import Any

from pressrun.simulator.writing.asked import Asked
from pressrun.simulator.writing.words import THEMES, Words

__all__ = ["write_article"]


def write_article(words: Words, asked: Asked) -> dict[str, Any]:
    """The fields of `Article`."""
    number = _number(asked)
    _, prose = words.theme(number)

    def fill(template: str) -> str:
        return words.fill(template, number - 1)

    outline = asked.item.get("outline")
    headings = [str(heading) for heading in outline] if isinstance(outline, list) and outline else None
    return {
        "title": str(asked.item.get("title") or fill(prose["title"])),
        "summary": fill(prose["summary"]),
        "intro": fill(prose["intro"]),
        "sections": [
            {"heading": heading, "body": "\n\n".join(map(fill, body))}
            for heading, body in _sections(words, prose, number, headings)
        ],
        "conclusion": fill(prose["conclusion"]),
        "seo_title": words.title(prose["seo_title"] + _again(number), number - 1),
        "seo_description": words.description(prose["seo_description"] + _again(number), number - 1),
        "tags": [fill(tag) for tag in prose["tags"]],
    }


def _again(number: int) -> str:
    """What tells the tenth article from the first of the same kind; sites of Pressrun have nine at most."""
    return "" if number <= len(THEMES) else f" ({number})"


def _number(asked: Asked) -> int:
    """The article's number from 1, from the item itself or from its place in the site's list."""
    number = asked.item.get("number")
    if isinstance(number, int) and number > 0:
        return number
    listed = asked.site.get("articles")
    slugs = [plan.get("slug") for plan in listed if isinstance(plan, dict)] if isinstance(listed, list) else []
    slug = asked.item.get("slug")
    return slugs.index(slug) + 1 if slug in slugs else 1


def _sections(words: Words, prose: Any, number: int, headings: list[str] | None) -> list[tuple[str, list[str]]]:
    """Headings with their paragraphs. Another number of headings than the prose has sections gets the same
    paragraphs in the same order, shared out evenly; a longer outline borrows from the next kind of article."""
    own = [(str(section["heading"]), list(section["body"])) for section in prose["sections"]]
    if headings is None:
        return [(words.fill(heading, number - 1), body) for heading, body in own]
    if len(headings) == len(own):
        return [(heading, body) for heading, (_, body) in zip(headings, own, strict=True)]
    paragraphs = [paragraph for _, body in own for paragraph in body]
    further = number
    while len(paragraphs) < 2 * len(headings) and further < number + len(THEMES):
        further += 1
        paragraphs += [paragraph for section in words.theme(further)[1]["sections"] for paragraph in section["body"]]
    cuts = [round(at * len(paragraphs) / len(headings)) for at in range(len(headings) + 1)]
    return [(heading, paragraphs[cuts[at] : cuts[at + 1]]) for at, heading in enumerate(headings)]
