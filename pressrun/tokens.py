"""Token counts before the provider has counted: an estimate, and labelled so wherever it is shown.

Invariant: every estimate comes from here, and the same text always has the same estimate. The tokenizer of the current
models is not published, and the tables of an older one (o200k) take 135 MB and a second of CPU, so nothing is loaded.
By density, the prompts of `examples/` are within an eighth of what o200k_base counts (`tests/test_tokens.py`), and
past runs correct the rest (`costs.lessons`).
"""

import math

from pressrun.steps.checks import CJK

__all__ = ["estimate_tokens"]

PER_CJK_CHARACTER = 1.0
PER_OTHER_CHARACTER = 0.25


def estimate_tokens(text: str) -> int:
    """The approximate number of tokens in `text`, rounded up."""
    chinese = len(CJK.findall(text))
    return math.ceil(chinese * PER_CJK_CHARACTER + (len(text) - chinese) * PER_OTHER_CHARACTER)
