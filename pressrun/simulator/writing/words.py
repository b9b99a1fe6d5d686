"""Templates filled with a brief's own words, in the brief's language.

Invariant: what the client wrote enters a text only as plain words: no markup, no braces, no line breaks.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import langcodes

from pressrun.brief import SiteBrief
from pressrun.simulator.writing.asked import stable_number

__all__ = ["THEMES", "Words", "load_prose", "width"]

THEMES = ("guide", "cost", "choosing", "process", "mistakes", "timing", "afterwards", "options", "local")
"""The kinds of article; a site of nine has each of them once."""
LANGUAGES = ("de", "en", "zh")
"""Languages with prose of their own; every other language gets English."""
PHRASE = 32
"""Widest name of a service within a sentence, in columns."""
CJK_PHRASE = 20
"""As `PHRASE`, for a Chinese list such as 凍頂烏龍、紅水烏龍與蜜香紅茶; its first member then stands for all."""
ROOMY = 80
"""Characters of Chinese that can carry a client's full name in Latin letters."""
TITLE, DESCRIPTION = (30, 60), (120, 160)
"""Least and greatest width of the title and description of a search result, a full-width character counting two."""

BRITISH = {
    "afterward": "afterwards",
    "apologize": "apologise",
    "color": "colour",
    "favor": "favour",
    "favorite": "favourite",
    "neighbor": "neighbour",
    "neighborhood": "neighbourhood",
    "recognize": "recognise",
}
AMERICAN = re.compile(rf"\b({'|'.join(BRITISH)})(s|ing|d)?\b", re.IGNORECASE)
PROPER = re.compile(
    r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|June|July|August|\w+ember|October"
    r"|Christmas|Easter|French|German|Greek|Swiss|Thai|Dutch|\w+(ish|ese|ian)$"
)
CONNECTOR = re.compile(
    r"\s(?:with|from|for|to|in|at|by|on|of|and|or|that|mit|von|vom|für|aus|bei|am|im|und|zum|zur|avec|pour|con|para)\s"
)
CJK = r"[\u3400-\u4dbf\u4e00-\u9fff]"
CJK_LIST = re.compile(rf"{CJK}.{{2,7}}?(?=、)")
BETWEEN_SCRIPTS = re.compile(rf"(?<={CJK})(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%])(?={CJK})")


def width(text: str) -> int:
    """Columns of a text; a full-width character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@cache
def load_prose(*path: str) -> Any:
    """A JSON file of the prose folder, such as `load_prose("en", "site.json")`."""
    return json.loads(files("pressrun.simulator").joinpath("prose", *path).read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one client in one language."""

    brief: SiteBrief
    language: str

    @classmethod
    def of(cls, brief: SiteBrief) -> "Words":
        """The words for a brief, English where there is no prose in its language."""
        language = str(langcodes.Language.get(brief.language).language)
        return cls(brief=brief, language=language if language in LANGUAGES else "en")

    @property
    def data(self) -> Any:
        """The language's `site.json`."""
        return load_prose(self.language, "site.json")

    @property
    def seed(self) -> int:
        """A number that all calls of a site share."""
        return stable_number(self.brief.slug)

    def theme(self, number: int) -> tuple[str, Any]:
        """The kind of article `number` (from 1) and its prose; sites begin at different kinds."""
        key = THEMES[(self.seed + number - 1) % len(THEMES)]
        return key, load_prose(self.language, "articles", f"{key}.json")

    def services(self, limit: int = PHRASE) -> list[str]:
        """The services in few words each, in the order of the brief and without repetition."""
        phrases = [_phrase(service, limit) for service in self.brief.services]
        usable = [phrase for phrase in dict.fromkeys(phrases) if phrase and self._suits(phrase)]
        return usable or [self._phrase_or(self.brief.trade, self.data.get("service", "our work"), limit)]

    def name(self, limit: int = 200) -> str:
        """The client's name; in a short Chinese text a Latin one gives way to "our shop", or too little is Chinese."""
        return self._phrase_or(self.brief.name, self.data.get("brand", "us"), limit)

    def fill(self, template: str, number: int, limit: int = PHRASE, **more: str) -> str:
        """The template with its slots filled; `number` rotates the services, `limit` is the width of each slot."""
        services = self.services(limit)
        service = services[number % len(services)]
        other = services[(number + 1) % len(services)] if len(services) > 1 else self.data["other"]
        slots = {
            "service": self._inside(service),
            "other": self._inside(other),
            "name": _clean(self.brief.name) if limit == PHRASE and self._has_room(template) else self.name(limit),
            "tone": self._inside(_clean(self.brief.tone)),
            **more,
        }
        slots |= {name.capitalize(): _upper_first(slots[name]) for name in list(slots)}
        text = re.sub(r"\{(\w+)\}", lambda match: slots.get(match[1], ""), self._spelled(template))
        return BETWEEN_SCRIPTS.sub(" ", text) if self.language == "zh" else text

    def title(self, template: str, number: int, **more: str) -> str:
        """A title of 30 to 60 columns."""
        return self._fitted(template, number, self.data["title_tails"], TITLE, "", more)

    def description(self, template: str, number: int, **more: str) -> str:
        """A description of 120 to 160 columns."""
        tails = self.data["description_tails"]
        turned = [*tails[number % len(tails) :], *tails[: number % len(tails)]]
        return self._fitted(template, number, turned, DESCRIPTION, "" if self.language == "zh" else " ", more)

    def _fitted(
        self,
        template: str,
        number: int,
        tails: Iterable[str],
        widths: tuple[int, int],
        space: str,
        more: dict[str, str],
    ) -> str:
        least, most = widths
        for limit in (PHRASE, 26, 20, 14, 10):
            shorter = {name: _phrase(value, limit) for name, value in more.items()}
            text = self.fill(template, number, limit, **shorter)
            if width(text) <= most:
                break
        text = _cut(text, most)
        for tail in tails:
            addition = self.fill(tail, number, 20)
            awkward = text.endswith(("?", "？")) and addition[0] in ",，：:"
            if width(text) >= least or awkward or ("{name}" in tail and self.name(20) in text):
                continue
            if width(text) + width(space + addition) <= most:
                text += space + addition
        return text

    def _has_room(self, template: str) -> bool:
        """Whether a text stays what it is with a long Latin name in it; a short Chinese one would not."""
        return self.language != "zh" or len(template) >= ROOMY

    def _suits(self, text: str) -> bool:
        """Whether a text may stand in a short text of this language; Chinese must be mostly Chinese."""
        letters = sum(character.isalpha() for character in text)
        return self.language != "zh" or 2 * len(re.findall(CJK, text)) > letters

    def _phrase_or(self, text: str, instead: str, limit: int) -> str:
        phrase = _phrase(text, limit)
        return phrase if phrase and self._suits(phrase) else instead

    def _inside(self, text: str) -> str:
        """A phrase as it is written within an English sentence; other languages keep it as it is."""
        first = text.split(" ", maxsplit=1)[0]
        if self.language != "en" or not self.brief.language.startswith("en"):
            return text
        is_plain = first[1:].islower() or (len(first) == 1 and first != "I") or re.fullmatch(r"[A-Z]-?[a-z-]+", first)
        return text[:1].lower() + text[1:] if is_plain and not PROPER.fullmatch(first) else text

    def _spelled(self, text: str) -> str:
        """British spelling, unless the brief is for the United States."""
        if self.language != "en" or self.brief.language in ("en", "en-US"):
            return text
        return AMERICAN.sub(_british, text)


def _british(match: re.Match[str]) -> str:
    word = BRITISH[match[1].lower()] + (match[2] or "")
    return (word.capitalize() if match[1][0].isupper() else word).replace("rdss", "rds")


def _clean(text: str) -> str:
    return " ".join(re.sub(r"[<>{}\[\]`*_#|\\]", " ", text).split()).rstrip("。.;；")


def _phrase(text: str, limit: int) -> str:
    """The head of a text that a client wrote, at most `limit` columns wide, never cut within a Latin word."""
    clean = _clean(text)
    head = re.split(r"\s*[,;:，；：(（–—|]|\s-\s", clean)[0].strip() or clean
    if width(head) > limit and CONNECTOR.search(head):
        head = CONNECTOR.split(head)[0]
    if width(head) > CJK_PHRASE and (listed := CJK_LIST.match(head)):
        head = listed[0]
    return _cut(head, limit)


def _cut(text: str, most: int) -> str:
    """The text up to a word's end within `most` columns."""
    if width(text) <= most:
        return text
    kept = text
    while width(kept) > most:
        kept = kept[:-1]
    if width(text[len(kept)]) == 1 and text[len(kept)].isalnum() and " " in kept:
        kept = kept.rsplit(" ", 1)[0]
    return kept.rstrip(" ,;:，、；：–-|｜（(")


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
