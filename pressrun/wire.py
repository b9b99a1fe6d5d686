"""Reading a provider's JSON and its parts, whatever a server sends.

Invariant: these functions never fail, and no number leaves them that a database could not hold. A value is read by what
it means: a number written as text is a number. What has no such meaning counts as absent.
"""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

__all__ = ["MOST", "amount", "count", "first", "ident", "mapping", "moment", "read_json", "rows", "text"]

MOST = 10**12
"""The largest count that is believed: a thousand times what the largest batch can hold, and well below 2^63."""
MILLISECONDS = 10**11
"""From here on a Unix time is in milliseconds: in seconds, it would be in the year 5138. From a thousand times this on,
it is in microseconds, and so on."""
LONGEST_NUMBER = 40
"""Characters of the longest text that is read as a number."""

DEEPEST = 100
"""Levels of JSON that are read; pydantic cannot store more than 255."""
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str | bytes) -> dict[str, Any] | None:
    """A provider's JSON object, or None when the text is not one.

    Half a surrogate pair (a truncated emoji) becomes U+FFFD, because it could not be encoded as UTF-8.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        value = _read_leniently(text)
    return value if isinstance(value, dict) and not _is_too_deep(text, value) else None


def _is_too_deep(text: str | bytes, value: Any) -> bool:
    """Whether it is nested so deeply that it could not be stored; only a text with many brackets can be."""
    opened = (text.count("[") + text.count("{")) if isinstance(text, str) else (text.count(b"[") + text.count(b"{"))
    return opened > DEEPEST and _depth(value) > DEEPEST


def _depth(value: Any) -> int:
    """Levels of nesting, without recursion."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
    return depth


def _read_leniently(text: str | bytes) -> Any:
    """Read what strict JSON does not allow but servers send: a byte order mark, half a surrogate pair, NaN."""
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        value = json.loads(text)
        if SURROGATE.search(text):
            whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            value = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return value


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; anything else becomes an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; also of a list that is wrapped as `{"data": [...]}`."""
    listed = value.get("data") if isinstance(value, dict) else value
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def amount(value: Any) -> float | None:
    """A number from 0 to `MOST`, also written as text; anything else becomes None."""
    number = _number(value)
    return number if number is not None and 0 <= number <= MOST else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER:
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) else None


def count(value: Any) -> int | None:
    """A whole number from 0 to `MOST`, also as 12.0 or "12"; a compatible server's null or -1 becomes None."""
    number = amount(value)
    return int(number) if number is not None and number == math.floor(number) else None


def text(value: Any) -> str | None:
    """Non-empty text; some servers send "" where OpenAI sends null."""
    return value if isinstance(value, str) and value else None


def ident(value: Any) -> str | None:
    """An id as text: also a positive number, an object that has it as its `id`, or a list of one of these."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("id")
    return str(value) if type(value) is int and 0 < value < 2**64 else text(value)


def moment(value: Any) -> datetime | None:
    """A time as aware UTC: Unix seconds, ms, µs or ns, also as text, ISO 8601 (UTC if it has no zone), or an HTTP date.

    0 and times that no calendar has become None.
    """
    seconds = _number(value)
    try:
        if seconds is not None:
            for _ in ("ms", "µs", "ns"):
                seconds = seconds / 1000 if seconds >= MILLISECONDS else seconds
            return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
        read = _date(value)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (OverflowError, OSError, ValueError, TypeError):
        return None


def _date(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return parsedate_to_datetime(value)


def first(values: Iterable[Any]) -> Any:
    """The first value that is not None, or None."""
    return next((value for value in values if value is not None), None)
