"""How many tokens an image is, by its quality and size.

Published for gpt-image-1 to 1.5. For the 2 families it is an estimate, and the bill comes from `usage`; source:
`openai-facts.md` 4.2.
"""

__all__ = ["image_tokens"]

TOKENS = {"low": (272, 408), "medium": (1_056, 1_584), "high": (4_160, 6_240)}
"""Output tokens of a square and of an oblong image."""


def image_tokens(quality: str, size: str) -> int:
    """Output tokens of one image; `size` as in the request, `1536x1024`."""
    width, _, height = size.partition("x")
    return TOKENS[quality][0 if width == height else 1]
