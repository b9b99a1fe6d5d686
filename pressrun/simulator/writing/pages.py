"""The pages of a site: which kind each wish of the brief is, and its finished copy.

Invariant: slugs are Latin and unique, the first page is `home`, and each wish becomes exactly one page in its place.
"""

import re
from dataclasses import dataclass
from typing import Any

from slugify import slugify

from pressrun.simulator.writing.words import Words

__all__ = ["PagePlan", "latin_slug", "plan_pages", "write_page"]

TEMPLATES = (
    ("faq", r"faq|question|häufig|fragen|preguntas|常見|問答"),
    ("visit", r"visit|find us|book|appointment|anfahrt|besuch|termin|reserv|第一次|預約|交通|來訪|到訪"),
    ("contact", r"conta[ck]t|kontakt|聯絡|聯繫|get in touch"),
    ("about", r"about|who we are|team|story|über|à propos|nous|nosotros|關於|認識|團隊|故事"),
    ("prices", r"price|pricing|rates|fees|preis|tarif|precio|價|費用|收費"),
    ("gallery", r"gallery|portfolio|our work|projects|galerie|referenz|galería|作品|案例|相簿"),
    ("services", r"service|what we (do|offer)|menu|leistung|angebot|prestation|servicio|服務|項目|菜單"),
)
"""Templates by what a page's name says, in the order in which they are tried."""
OTHERS = ("other-1", "other-2", "other-3")
KINDS = ("home", "about", "services", "contact", "faq")
SLUGS = {"visit": "visit", "prices": "prices", "gallery": "gallery"}
GERMAN = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "ae"), ("Ö", "oe"), ("Ü", "ue"), ("ß", "ss"))


@dataclass(frozen=True, kw_only=True)
class PagePlan:
    """One page before it is written."""

    label: str
    template: str
    slug: str
    kind: str
    number: int
    """Which services the page speaks of: the first ones on the pages that present the business, then others in turn."""


def plan_pages(words: Words, count: int) -> list[PagePlan]:
    """The first `count` pages of the brief; a schema that wants more gets further pages of no special kind."""
    labels = [*words.brief.pages, *(f"{words.name(20)} {number}" for number in range(2, count + 2))][:count]
    templates = _templates(labels)
    slugs: list[str] = []
    for label, template in zip(labels, templates, strict=True):
        slugs.append(_slug(words, label, template, slugs))
    has_contact = "contact" in templates
    return [
        PagePlan(
            label=label,
            template=template,
            slug=slug,
            kind=_kind(template, has_contact),
            number=0 if template in ("home", "services") else at,
        )
        for at, (label, template, slug) in enumerate(zip(labels, templates, slugs, strict=True))
    ]


def _templates(labels: list[str]) -> list[str]:
    """A template for each page, no special one twice; the first page of no kind stands in for missing services."""
    found: list[str] = ["home"]
    for label in labels[1:]:
        named = (template for template, words in TEMPLATES if re.search(words, label, re.IGNORECASE))
        found.append(next((template for template in named if template not in found), "other"))
    if "services" not in found and "other" in found:
        found[found.index("other")] = "services"
    turns = iter(range(len(found)))
    return [OTHERS[next(turns) % len(OTHERS)] if template == "other" else template for template in found]


def _kind(template: str, has_contact: bool) -> str:
    if template == "visit" and not has_contact:
        return "contact"
    return template if template in KINDS else "other"


def _slug(words: Words, label: str, template: str, taken: list[str]) -> str:
    if template == "home":
        return "home"
    is_named = template in KINDS or template in SLUGS
    if words.language == "zh" and is_named:
        slug = SLUGS.get(template, template)
    else:
        slug = latin_slug(label, words, 40) or template
    return slug if slug not in taken else f"{slug}-{len(taken) + 1}"


def write_page(words: Words, plan: PagePlan) -> dict[str, Any]:
    """The page's finished copy, as the fields of `Page`."""
    prose = words.data["pages"][plan.template]
    services, contact = _service_list(words), _contact(words)

    def fill(template: str) -> str:
        return words.fill(template, plan.number, page=plan.label, services=services, contact=contact)

    return {
        "slug": plan.slug,
        "kind": plan.kind,
        "nav_label": " ".join(plan.label.split()[:4])[:24].strip(),
        "headline": fill(prose["headline"]),
        "intro": fill(prose["intro"]),
        "sections": [
            {"heading": fill(section["heading"]), "body": "\n\n".join(map(fill, section["body"]))}
            for section in prose["sections"]
        ],
        "call_to_action": prose["call_to_action"],
    }


def _service_list(words: Words) -> str:
    """The brief's services as a Markdown list, in the client's own words."""
    return "\n".join(f"- {_plain(service)}" for service in words.brief.services[:12])


def _contact(words: Words) -> str:
    labels = words.data["contact"]
    given = words.brief.contact.model_dump(exclude_none=True)
    colon = "：" if words.language == "zh" else ": "
    lines = [
        f"- **{labels[key]}{colon.strip()}**{colon[1:]}{_plain(str(value))}" for key, value in given.items() if value
    ]
    return "\n".join(lines) or str(labels["none"])


def _plain(text: str) -> str:
    """A client's text on one line, without what Markdown or HTML would read as markup."""
    return " ".join(re.sub(r"[<>{}\[\]`*#|\\]", " ", text).split())


def latin_slug(text: str, words: Words, length: int) -> str:
    """`text` as a slug of at most `length` characters; German umlauts become two letters, as Germans write them."""
    german = GERMAN if words.brief.language.startswith("de") else ()
    return slugify(text, max_length=length, word_boundary=True, replacements=german)
