"""Reading parts of a provider's JSON, whatever a server has put there.

Invariant: none of these ever fails; what is not of the kind that was looked for is not there.
"""

from datetime import UTC, datetime
from typing import Any

__all__ = ["count", "mapping", "moment", "text"]


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def count(value: Any) -> int | None:
    """A number of things; a compatible server's null, text or -1 is None."""
    return value if type(value) is int and value >= 0 else None


def text(value: Any) -> str | None:
    """A text that says something; some servers say "" where OpenAI says null."""
    return value if isinstance(value, str) and value else None


def moment(seconds: Any) -> datetime | None:
    """A time in Unix seconds as aware UTC; 0 and what no calendar has are None."""
    if type(seconds) not in (int, float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
