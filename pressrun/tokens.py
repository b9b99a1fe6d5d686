"""Token counts before the provider has counted: an estimate, and to be labelled so.

Invariant: every estimate comes from here. With bpe-openai installed (`pip install pressrun[tokens]`) texts are counted
with o200k_base, without it by density; which tokenizer the current models use is not published: both are estimates.
Densities of o200k measured for `openai-facts.md` 10: Chinese 0.92 tokens a character, English 0.25.
"""

import math
from functools import cache
from typing import Any

from pressrun.steps.checks import CJK

try:
    import bpe_openai
except ImportError:
    bpe_openai = None

__all__ = ["TOKENIZER", "density_tokens", "estimate_tokens"]

PER_CJK_CHARACTER = 1.0
PER_OTHER_CHARACTER = 0.27
CHUNK = 500_000
"""Characters that are counted at a time; bpe-openai refuses a million."""
TOKENIZER = "o200k_base" if bpe_openai else "characters"
"""What the counts are made from, for whoever reads a forecast."""


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is."""
    return _counted(text) if bpe_openai else density_tokens(text)


def density_tokens(text: str) -> int:
    """About how many tokens `text` is by its characters, rounded up."""
    chinese = len(CJK.findall(text))
    return math.ceil(chinese * PER_CJK_CHARACTER + (len(text) - chinese) * PER_OTHER_CHARACTER)


def _counted(text: str) -> int:
    # Half a surrogate pair, which JSON may hold, is no text to the tokenizer.
    clean = text.encode("utf-8", "replace").decode()
    chunks = (clean[at : at + CHUNK] for at in range(0, len(clean), CHUNK))
    return sum(len(_encoding().encode(chunk, disallowed_special=())) for chunk in chunks)


@cache
def _encoding() -> Any:
    """Loading it takes a tenth of a second."""
    return bpe_openai.get_encoding(TOKENIZER)
