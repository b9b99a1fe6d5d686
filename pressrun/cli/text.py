"""Text on the terminal, and on a pipe.

Invariant: external text reaches the terminal without control characters.
"""

from rich.console import Console

__all__ = ["counted", "plain", "wide_console"]

PIPE_WIDTH = 160
"""Columns without a terminal, so that no id is wrapped."""


def wide_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=max(PIPE_WIDTH, console.width))


def plain(text: str) -> str:
    """The text without control characters."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
