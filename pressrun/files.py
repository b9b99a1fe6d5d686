"""Reading a user's YAML or JSON into a model: every fault at once, each with its line.

Invariant: a refused file has no other effect.
"""

from difflib import get_close_matches
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pressrun.errors import BadBrief
from pressrun.marked import Fault, Marked, Place, read_marked

__all__ = ["load_model", "read_model", "read_text"]

Model = TypeVar("Model", bound=BaseModel)

SIZE_LIMIT = 500_000
"""Bytes. The longest brief that the model accepts takes about 200,000, in JSON escapes."""

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
    faults = list(marked.faults)
    if isinstance(marked.data, dict):
        try:
            value = model.model_validate(marked.data)
        except ValidationError as error:
            faults += [_describe(details, marked, model) for details in error.errors()]
    elif marked.data is not None or not faults:
        faults.append((1, "expected fields (`name: ...`), but found something else"))
    if faults:
        raise BadBrief(source, _listed(faults))
    return value


def read_text(path: Path) -> str:
    """A user's file as text. Raises `BadBrief` when it cannot be read, or is too large to be a brief."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise BadBrief(str(path), ["file not found"]) from None
    except IsADirectoryError:
        raise BadBrief(str(path), ["this is a folder, not a file"]) from None
    except OSError as error:
        raise BadBrief(str(path), [f"cannot be read: {error.strerror}"]) from None
    if len(content) > SIZE_LIMIT:
        raise BadBrief(str(path), [f"larger than {SIZE_LIMIT // 1000} kB, which is too large for a brief"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadBrief(str(path), [f"line {line}: not UTF-8 text; save the file as UTF-8"]) from None


def _listed(faults: list[Fault]) -> list[str]:
    listed = [f"line {line}: {message}" for line, message in sorted(faults, key=itemgetter(0))]
    if len(listed) > SHOWN_LIMIT:
        listed[SHOWN_LIMIT:] = [f"... and {len(listed) - SHOWN_LIMIT} more; is this the right file?"]
    return listed


def _describe(details: ErrorDetails, marked: Marked, model: type[BaseModel]) -> Fault:
    place, given = details["loc"], details["input"]
    message = PLAIN_WORDS.get(details["type"], details["msg"].removeprefix("Value error, "))
    message = message.format_map(details.get("ctx", {})) if details["type"] in PLAIN_WORDS else message
    if details["type"] == "extra_forbidden":
        message = _unknown_field(place, model)
    elif details["type"] != "missing" and given is None:
        message = f"is empty; {message}"
    elif isinstance(given, str):
        message = f"{message} (got {_shown(given)})"
    where = ".".join(str(part) for part in place)
    return _line(place, marked), f"{where + ': ' if where else ''}{message}"


def _shown(given: str) -> str:
    return repr(given if len(given) <= 60 else given[:60] + "…")


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
