"""Text of a person or a model as escaped Markdown."""

import re
from html import escape

__all__ = ["as_markdown"]


def as_markdown(text: str) -> str:
    """One line of Markdown that shows exactly this text in any context, without markup, HTML or table cells."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escape(" ".join(text.split()), quote=False))
