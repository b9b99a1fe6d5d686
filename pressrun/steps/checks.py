"""Content checks for all steps; each returns faults as messages, or an empty list.

Invariant: a fault means "not publishable even as a draft". Advice (the width of a title) is only a warning, because
Google sets no limit for titles and descriptions and truncates them to the width of the device
(developers.google.com/search/docs/appearance/title-link and .../snippet).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import hanzidentifier

from pressrun.brief import SiteBrief

__all__ = ["debris", "display_width", "duplicates", "reading_length", "too_short", "width_outside", "wrong_script"]

CODE_FENCE = re.compile(r"^[^\S\n]*+(```|~~~)", re.MULTILINE)
UNFILLED = re.compile(
    r"""
      \{\{ (?: [^{}\n] | \{(?!\{) | \}(?!\}) )*+ \}\}
    | \{%  (?: [^{%\n] | \{(?!%)  | %(?!\})  )*+ %\}
    | \[ (?:YOUR|INSERT|NAME|CITY|COMPANY|PLACEHOLDER) [^\[\]]*+ \]
    | lorem[ ]ipsum
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Each alternative ends where its own opening begins anew, so that a text of openings alone takes linear time."""
CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

MOSTLY = 0.5
"""Minimum share of Chinese letters in a Chinese text; names and units may be Latin."""


def debris(text: str) -> list[str]:
    """Artifacts of a model: code fences, unfilled placeholders, HTML."""
    faults = []
    if CODE_FENCE.search(text):
        faults.append("contains a code fence")
    if match := UNFILLED.search(text):
        faults.append(f"contains an unfilled placeholder: {match.group()[:40]}")
    if re.search(r"<(script|style|iframe|div|span|p|h[1-6]|a)\b", text, re.IGNORECASE):
        faults.append("contains HTML")
    return faults


def wrong_script(text: str, brief: SiteBrief) -> list[str]:
    """A fault when a Chinese site's text is not Chinese, or is Simplified where Traditional was ordered."""
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


@lru_cache(maxsize=1)  # An article is measured twice in a row: for the fault and for the warning about its length.
def reading_length(text: str) -> int:
    """Length for a reader: each CJK character counts as one, and so does each other word."""
    chinese = len(CJK.findall(text))
    return chinese + len(WORD.findall(CJK.sub(" ", text) if chinese else text))


def too_short(text: str, at_least: int) -> list[str]:
    """A fault when a text is shorter than `at_least` words (CJK: characters)."""
    length = reading_length(text)
    return [f"is too short: {length} words or characters, at least {at_least} are needed"] if length < at_least else []


def display_width(text: str) -> int:
    """Columns of a text, with a full-width character as two; search engines truncate at about this measure."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def width_outside(name: str, text: str, least: int, most: int) -> list[str]:
    """A warning when a title or description is outside the recommended width."""
    width = display_width(text)
    return [] if least <= width <= most else [f"{name} is {width} wide; {least}-{most} is recommended"]


def duplicates(texts: dict[str, str], what: str) -> dict[str, list[str]]:
    """A fault for every item whose text is the same as an earlier item's."""
    first: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for item, text in texts.items():
        folded = " ".join(text.casefold().split())
        if folded in first:
            faults[item] = [f"{what} is the same as that of {first[folded]}: {text[:80]}"]
        first.setdefault(folded, item)
    return faults


def text_faults(named: Iterable[tuple[str, str]], brief: SiteBrief) -> list[str]:
    """Faults of any of the named texts: empty, artifacts of a model, wrong script."""
    faults = []
    for name, text in named:
        if not text.strip():
            faults.append(f"{name} is empty")
        faults += [f"{name} {fault}" for fault in debris(text) + wrong_script(text, brief)]
    return faults
