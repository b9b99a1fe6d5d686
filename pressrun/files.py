"""Reading a user's YAML or JSON into a model: every fault at once, each with its line.

Invariant: a refused file has no other effect.
"""

import codecs
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pressrun.errors import BadBrief
from pressrun.marked import Marked, Place, read_marked

__all__ = ["decoded", "load_model", "read_model", "read_text"]

Model = TypeVar("Model", bound=BaseModel)

SIZE_LIMIT = 500_000
"""Bytes. The longest brief that the model accepts takes about 200,000, in JSON escapes."""

MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks and their encodings. The mark of UTF-32 begins with that of UTF-16, so it comes first."""

SAVE_AS = "save it as UTF-8 (in Excel: CSV UTF-8)"

SHOWN_LIMIT = 100
"""Faults. A file with more is not a brief, and a longer list would bury its first lines."""

PLAIN_WORDS = {
    "missing": "required, but missing",
    "string_type": "should be text",
    "string_too_short": "must not be empty",
    "string_too_long": "longer than {max_length} characters",
    "list_type": "should be a list: one entry per line, each starting with `- `",
    "too_short": "has {actual_length} entries; at least {min_length} required",
    "too_long": "has {actual_length} entries; at most {max_length} allowed",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_parsing_size": "should be a whole number",
    "int_from_float": "should be a whole number",
    "greater_than_equal": "should be at least {ge}",
    "less_than_equal": "should be at most {le}",
    "model_type": "should be a group of fields, each on its own indented line",
    "enum": "should be {expected}",
    "literal_error": "should be {expected}",
}
"""Messages for pydantic's error types, for people who write briefs."""


def load_model(path: Path, model: type[Model]) -> Model:
    """Read `path` (YAML or JSON, UTF-8, at most 500 kB) and validate it as `model`.

    All scalars reach the model as text, so its fields must be parsable from text. Raises `BadBrief` with all faults of
    the file, each with its line and field.
    """
    return read_model(read_marked(read_text(path)), str(path), model)


def read_model(marked: Marked, source: str, model: type[Model]) -> Model:
    """Validate data that was read as text from `source`. Raises `BadBrief` as `load_model` does."""
    faults: list[tuple[int, str | ErrorDetails]] = list(marked.faults)
    if isinstance(marked.data, dict):
        try:
            value = model.model_validate(marked.data)
        except ValidationError as error:
            faults += [(_line(details["loc"], marked), details) for details in error.errors(include_url=False)]
    elif marked.data is not None or not faults:
        faults.append((1, "expected fields (`name: ...`), but found something else"))
    if faults:
        raise BadBrief(source, _listed(faults, model))
    return value


def read_text(path: Path, limit: int = SIZE_LIMIT) -> str:
    """A user's file as text. Raises `BadBrief` when it cannot be read, or has more than `limit` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise BadBrief(str(path), ["file not found"]) from None
    except IsADirectoryError:
        raise BadBrief(str(path), ["this is a folder, not a file"]) from None
    except (OSError, ValueError) as error:
        raise BadBrief(str(path), [f"cannot be read: {getattr(error, 'strerror', error)}"]) from None
    if len(content) > limit:
        raise BadBrief(str(path), [f"larger than {limit // 1000} kB, which is too large for a brief"])
    try:
        return decoded(content)
    except ValueError as error:
        raise BadBrief(str(path), [str(error)]) from None


def decoded(content: bytes) -> str:
    """Text in UTF-8 or, with a byte order mark, in UTF-16 or UTF-32. Raises `ValueError` with the place and the remedy.

    No other encoding is guessed: a wrong guess would put wrong letters on a site.
    """
    encoding = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "")
    if content.startswith(b"PK\x03\x04"):
        raise ValueError(f"this is a workbook or an archive, not text; {SAVE_AS}")
    if not encoding and b"\0" in content:
        raise ValueError(f"this is not text in UTF-8; if it should be, {SAVE_AS}")
    try:
        return content.decode(encoding or "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not {(encoding or 'utf-8').upper()} text; {SAVE_AS}") from None


def _listed(faults: list[tuple[int, str | ErrorDetails]], model: type[BaseModel]) -> list[str]:
    """The faults that are shown, by line; only these are put into words, because a file may have 100,000."""
    shown = sorted(faults, key=lambda fault: fault[0])[:SHOWN_LIMIT]
    said = [(line, fault if isinstance(fault, str) else _describe(fault, model)) for line, fault in shown]
    listed = [f"line {line}: {message}" for line, message in said]
    if len(faults) > SHOWN_LIMIT:
        listed.append(f"... and {len(faults) - SHOWN_LIMIT} more; is this the right file?")
    return listed


def _describe(details: ErrorDetails, model: type[BaseModel]) -> str:
    place, given = details["loc"], details["input"]
    message = PLAIN_WORDS.get(details["type"], details["msg"].removeprefix("Value error, "))
    message = message.format_map(details.get("ctx", {})) if details["type"] in PLAIN_WORDS else message
    if details["type"] == "extra_forbidden":
        message = _unknown_field(place, model)
    elif details["type"] != "missing" and given is None:
        message = f"is empty; {message}"
    elif isinstance(given, str):
        message = f"{message} (got {_short(given)!r})"
    where = ".".join(_short(str(part)) for part in place)
    return f"{where + ': ' if where else ''}{message}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


def _unknown_field(place: Place, model: type[BaseModel]) -> str:
    """Suggest the field that was probably meant."""
    known: Any = model
    for part in place[:-1]:
        field = known.model_fields.get(part)
        known = field.annotation if field else None
        if not (isinstance(known, type) and issubclass(known, BaseModel)):
            return "unknown field; check its spelling"
    close = get_close_matches(str(place[-1]), known.model_fields, n=1)
    return f"unknown field; did you mean {close[0]}?" if close else "unknown field; check its spelling"


def _line(place: Place, marked: Marked) -> int:
    """The line of the field, or of the nearest enclosing value when the field is missing.

    A model may have unwrapped the file's only field, such as `batch_strategy`.
    """
    wrapper = tuple(marked.data) if len(marked.data) == 1 else ()
    for length in range(len(place), 0, -1):
        for known in (place[:length], (*wrapper, *place[:length])):
            if known in marked.lines:
                return marked.lines[known]
    return marked.lines[()]
