"""The exit codes of every command."""

from typing import Final

__all__ = ["COMPLETE", "INCOMPLETE", "REFUSED", "STOPPED"]

COMPLETE: Final = 0
INCOMPLETE: Final = 1
"""Delivered but incomplete, or failed after spending began."""
REFUSED: Final = 2
"""Refused before anything was spent or changed."""
STOPPED: Final = 130
"""Stopped with Ctrl-C."""
