"""Checks of content that any step may use; each returns faults in words, an empty list when all is well.

Invariant: a fault means "not fit to publish even as a draft"; what is only advice (the width of a title) is a
warning, because Google treats those limits as advice too (see the sources in `domain-facts.md` C4).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import hanzidentifier

from pressrun.brief import SiteBrief

__all__ = ["debris", "display_width", "duplicates", "reading_length", "too_short", "width_outside", "wrong_script"]

CODE_FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)
UNFILLED = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\[(?:YOUR|INSERT|NAME|CITY|COMPANY|PLACEHOLDER)[^\]]*\]|lorem ipsum", re.IGNORECASE
)
CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

MOSTLY = 0.5
"""Share of letters that must be Chinese in a Chinese text; names and units may be Latin."""


def debris(text: str) -> list[str]:
    """Remains of a model at work: code fences, unfilled tokens, HTML."""
    faults = []
    if CODE_FENCE.search(text):
        faults.append("contains a code fence")
    if match := UNFILLED.search(text):
        faults.append(f"contains an unfilled placeholder: {match.group()[:40]}")
    if re.search(r"<(script|style|iframe|div|span|p|h[1-6]|a)\b", text, re.IGNORECASE):
        faults.append("contains HTML")
    return faults


def wrong_script(text: str, brief: SiteBrief) -> list[str]:
    """Whether a Chinese site's text is not Chinese, or Simplified where Traditional was ordered."""
    if not brief.is_chinese:
        return []
    letters = [character for character in text if unicodedata.category(character).startswith("L")]
    chinese = CJK.findall(text)
    if letters and len(chinese) < MOSTLY * len(letters):
        return [f"is not written in Chinese ({brief.language} was ordered)"]
    if not brief.is_traditional_chinese:
        return []
    simplified = sorted({c for c in chinese if hanzidentifier.identify(c) == hanzidentifier.SIMPLIFIED})
    if not simplified:
        return []
    return [f"uses Simplified characters where Traditional Chinese was ordered: {''.join(simplified[:12])}"]


@lru_cache(maxsize=1)  # An article is measured twice in a row: for what is too short, and for what is rather short.
def reading_length(text: str) -> int:
    """Length as a reader feels it: each CJK character counts one, each other word counts one."""
    chinese = len(CJK.findall(text))
    return chinese + len(WORD.findall(CJK.sub(" ", text) if chinese else text))


def too_short(text: str, at_least: int) -> list[str]:
    """Whether a text is shorter than `at_least` words (CJK: characters)."""
    length = reading_length(text)
    return [f"is too short: {length} words or characters, at least {at_least} are needed"] if length < at_least else []


def display_width(text: str) -> int:
    """Columns that a text takes, a full-width character counting two; what search engines cut at is about this."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def width_outside(name: str, text: str, least: int, most: int) -> list[str]:
    """A warning when a title or description is narrower or wider than is usually shown whole."""
    width = display_width(text)
    return [] if least <= width <= most else [f"{name} is {width} wide; {least}-{most} is usually shown whole"]


def duplicates(texts: dict[str, str], what: str) -> dict[str, list[str]]:
    """A fault for every item whose text an earlier item already has."""
    first: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for item, text in texts.items():
        folded = " ".join(text.casefold().split())
        if folded in first:
            faults[item] = [f"{what} is the same as that of {first[folded]}: {text[:80]}"]
        first.setdefault(folded, item)
    return faults


def text_faults(named: Iterable[tuple[str, str]], brief: SiteBrief) -> list[str]:
    """Emptiness, debris and wrong script in any of the named texts."""
    faults = []
    for name, text in named:
        if not text.strip():
            faults.append(f"{name} is empty")
        faults += [f"{name} {fault}" for fault in debris(text) + wrong_script(text, brief)]
    return faults
