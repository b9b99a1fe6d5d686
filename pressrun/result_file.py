"""The lines of a batch's result file, in whatever form a server sends the file.

Invariant: no line takes more memory than `LONGEST_LINE`, and what cannot be read as JSON Lines is passed on as it is.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pressrun.errors import Unreadable
from pressrun.wire import read_json

__all__ = ["LONGEST_LINE", "result_lines"]

LONGEST_LINE = 128_000_000
"""Bytes of the longest result line that is read: one reply with the largest images takes a quarter of it."""
LONGEST_WHOLE = 64_000_000
"""Bytes of the largest result file that is read as one text, because it is not in JSON Lines."""
BETWEEN = re.compile(r"[\s,]*")
"""What stands between the values of a text."""


def result_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a result file, split only at LF: JSON may contain the other line ends.

    A file that is not in JSON Lines (an array, pretty-printed objects, UTF-16) is read as a whole, up to
    `LONGEST_WHOLE`. Raises `Unreadable` when one line would take too much memory.
    """
    lines = _split(chunks)
    first = next((line for line in lines if line.strip()), b"")
    if _is_line(first):
        yield first
        yield from lines
        return
    whole = bytearray(first)
    for line in lines:
        whole += b"\n" + line
        if len(whole) > LONGEST_WHOLE:
            # Too large for anything but JSON Lines, of which only the first is odd.
            yield from bytes(whole).split(b"\n")
            yield from lines
            return
    yield from _records(bytes(whole))


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ended, last = chunk.split(b"\n")
        for part in ended:
            yield b"".join((*rest, part))
            rest, size = [], 0
        rest.append(last)
        size += len(last)
        if size > LONGEST_LINE:
            raise Unreadable(f"A line of a result file is longer than {LONGEST_LINE // 1_000_000} MB.")
    yield b"".join(rest)


def _is_line(first: bytes) -> bool:
    """Whether a file that begins with this line is in JSON Lines, or beyond help."""
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in first:
        return False
    plain = first.removeprefix(codecs.BOM_UTF8).lstrip()
    if not plain.startswith((b"[", b"{")):
        return True
    record = read_json(plain)
    return record is not None and len(_listed(record)) == 1


def _records(whole: bytes) -> Iterator[bytes]:
    """The objects of a text, each as a line; the text's own lines when it is not a sequence of JSON values."""
    text = whole.decode(json.detect_encoding(whole), "replace").lstrip("\ufeff")
    decoder = json.JSONDecoder()
    records: list[Any] = []
    at = _after_space(text, 0)
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            records += _listed(value)
            at = _after_space(text, at)
    except (ValueError, RecursionError):
        yield from whole.split(b"\n")
        return
    yield from (json.dumps(record).encode("utf-8") for record in records)


def _listed(value: Any) -> list[Any]:
    """The records of a list, bare or as OpenAI wraps one; anything else is a record itself."""
    inner = value.get("data") if isinstance(value, dict) and value.get("object") == "list" else value
    return inner if isinstance(inner, list) else [value]


def _after_space(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at
