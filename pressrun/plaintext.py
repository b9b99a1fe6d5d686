"""Text of a person or a model as Markdown that means nothing but itself."""

import re
from html import escape

__all__ = ["as_markdown"]


def as_markdown(text: str) -> str:
    """One line of Markdown that shows exactly this text, wherever it stands: no markup, HTML or table cell in it."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escape(" ".join(text.split()), quote=False))
