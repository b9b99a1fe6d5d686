"""Token counts before the provider has counted: estimates, which must be labelled as such.

Invariant: every estimate comes from here. With bpe-openai installed (`pip install pressrun[tokens]`), text is counted
with o200k_base, otherwise by character density. The tokenizer of the current models is not published, so both are
estimates. Measured with o200k_base, Chinese has about 0.92 tokens per character and English 0.25; the constants below
are rounded up.
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
"""Characters counted at a time; bpe-openai refuses a million or more."""
TOKENIZER = "o200k_base" if bpe_openai else "characters"
"""The basis of the counts, as shown in a forecast."""


def estimate_tokens(text: str) -> int:
    """The approximate number of tokens in `text`."""
    return _counted(text) if bpe_openai else density_tokens(text)


def density_tokens(text: str) -> int:
    """The approximate number of tokens in `text` by its characters, rounded up."""
    chinese = len(CJK.findall(text))
    return math.ceil(chinese * PER_CJK_CHARACTER + (len(text) - chinese) * PER_OTHER_CHARACTER)


def _counted(text: str) -> int:
    # The tokenizer does not accept half a surrogate pair, which JSON may contain.
    clean = text.encode("utf-8", "replace").decode()
    chunks = (clean[at : at + CHUNK] for at in range(0, len(clean), CHUNK))
    return sum(len(_encoding().encode(chunk, disallowed_special=())) for chunk in chunks)


@cache
def _encoding() -> Any:
    """Loading it takes a tenth of a second."""
    return bpe_openai.get_encoding(TOKENIZER)
