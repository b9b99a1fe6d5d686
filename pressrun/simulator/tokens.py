"""Counting tokens without a tokenizer.

Invariant: the count depends on nothing but the text, and a longer text never has fewer tokens.
Rates: about 1 token for a CJK character and 0.25 for any other, as measured with o200k_base on English and zh-TW.
"""

from collections.abc import Iterator
from hashlib import sha256

__all__ = ["count_tokens", "first_tokens", "prefix_digests", "stand_in"]

QUARTERS = 4
"""Tokens are counted in quarters, to use whole numbers."""


def count_tokens(text: str) -> int:
    """Estimated tokens, rounded up."""
    return -(-sum(map(_quarters, text)) // QUARTERS)


def first_tokens(text: str, limit: int) -> str:
    """The longest prefix of `text` that has at most `limit` tokens."""
    used = 0
    for position, character in enumerate(text):
        used += _quarters(character)
        if used > limit * QUARTERS:
            return text[:position]
    return text


def stand_in(for_what: str, tokens: int) -> str:
    """A text with exactly this many tokens to represent something that is not text, the same for the same thing."""
    digest = sha256(for_what.encode("utf-8", "surrogatepass")).hexdigest()
    length = tokens * QUARTERS
    return (digest * (length // len(digest) + 1))[:length]


def prefix_digests(text: str, start: int, step: int) -> Iterator[tuple[int, bytes]]:
    """`(tokens, digest)` of the prefixes of `text` that are `start`, `start + step`, ... tokens long."""
    digest = sha256()
    used, begin, mark = 0, 0, start
    for position, character in enumerate(text):
        used += _quarters(character)
        if used >= mark * QUARTERS:
            digest.update(text[begin : position + 1].encode("utf-8", "surrogatepass"))
            yield mark, digest.digest()
            begin, mark = position + 1, mark + step


def _quarters(character: str) -> int:
    """CJK punctuation, kana, ideographs, Hangul and full-width forms start at U+2E80."""
    return QUARTERS if character >= "\u2e80" else 1
