"""Step 10's replies in words: what is said of an image, and a page's meta tags."""

from typing import Any

from pressrun.simulator.writing.asked import Asked
from pressrun.simulator.writing.pages import plan_pages
from pressrun.simulator.writing.words import Words

__all__ = ["write_description", "write_seo"]

ALT_LIMIT = 125
"""Characters; what Pressrun asks of alternative text."""
REFINED = "Shot on a full-frame camera, natural grain, one clear subject, generous space at the edges for cropping."


def write_description(words: Words, asked: Asked) -> dict[str, Any]:
    """The fields of `ImageDescription`."""
    number = _number(asked)
    subject = str(asked.item.get("subject") or words.fill(words.data["scenes"]["result"], number))
    tails, captions = words.data["alt_tails"], words.data["captions"]
    comma = "，" if words.language == "zh" else ", "
    alt = f"{subject}{comma}{words.fill(tails[number % len(tails)], number)}"
    prompt = str(asked.item.get("prompt") or subject).rstrip(". ")
    return {
        "alt": alt if len(alt) <= ALT_LIMIT else subject[:ALT_LIMIT],
        "caption": words.fill(captions[(number - 1) % len(captions)], number),
        "refined_prompt": f"{prompt}. {REFINED}",
    }


def write_seo(words: Words, asked: Asked) -> dict[str, Any]:
    """The fields of `PageSeo`."""
    number = _number(asked)
    plans = plan_pages(words, len(words.brief.pages))
    slug = asked.item.get("slug")
    at = next((at for at, plan in enumerate(plans) if plan.slug == slug), number - 1)
    template, turn = (plans[at].template, plans[at].number) if at < len(plans) else ("other-1", at)
    label = str(asked.item.get("nav_label") or asked.item.get("headline") or words.name())
    prose = words.data["pages"][template]["seo"]
    return {
        "title": words.title(prose["title"], turn, page=label),
        "description": words.description(prose["description"], turn, page=label),
        "og_title": words.fill(prose["og_title"], turn, 28, page=label),
        "og_description": words.fill(prose["og_description"], turn, page=label),
        "focus_keyword": _focus(words, at),
    }


def _number(asked: Asked) -> int:
    number = asked.item.get("number")
    return number if isinstance(number, int) and number > 0 else 1


def _focus(words: Words, at: int) -> str:
    """A search term for page `at`: the brief's own while they last, then its services."""
    terms = [*words.brief.keywords, *words.services()]
    return terms[at % len(terms)]
