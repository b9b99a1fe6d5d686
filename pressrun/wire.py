"""Reading parts of a provider's JSON, whatever a server sends.

Invariant: these functions never fail; a value of the wrong type counts as absent.
"""

from datetime import UTC, datetime
from typing import Any

__all__ = ["count", "mapping", "moment", "text"]


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; anything else becomes an empty one."""
    return value if isinstance(value, dict) else {}


def count(value: Any) -> int | None:
    """A count; a compatible server's null, text or -1 becomes None."""
    return value if type(value) is int and value >= 0 else None


def text(value: Any) -> str | None:
    """Non-empty text; some servers send "" where OpenAI sends null."""
    return value if isinstance(value, str) and value else None


def moment(seconds: Any) -> datetime | None:
    """A time in Unix seconds as aware UTC; 0 and out-of-range values become None."""
    if type(seconds) not in (int, float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
