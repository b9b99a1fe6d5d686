"""How many output tokens an image takes, by quality and size.

These are OpenAI's published numbers for gpt-image-1 (platform.openai.com/docs/guides/image-generation, section "Cost
and latency"). For later families they are an estimate; billing uses the reply's `usage`.
"""

__all__ = ["image_tokens"]

TOKENS = {"low": (272, 408), "medium": (1_056, 1_584), "high": (4_160, 6_240)}
"""Output tokens of a square and of a rectangular image."""


def image_tokens(quality: str, size: str) -> int:
    """Output tokens of one image; `size` as in the request, such as `1536x1024`."""
    width, _, height = size.partition("x")
    return TOKENS[quality][0 if width == height else 1]
