"""YAML (which includes JSON) as plain data with the line of every field.

Invariant: nothing in a file is executed, expanded or guessed. There are no anchors, tags, dates or numbers; every
scalar is the text that its author sees (`phone: 01326 555` keeps its zero), and the model decides what it means.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

__all__ = ["Fault", "Marked", "Place", "read_marked"]

Place: TypeAlias = tuple[str | int, ...]
"""The location of a value, such as `("services", 0)`."""

Fault: TypeAlias = tuple[int, str]
"""The line, counted from 1, and what is wrong with it."""

DEPTH_LIMIT = 20
"""Levels of nesting; ours need three, and a file of 100,000 brackets would exhaust the stack."""

EVENT_LIMIT = 20_000
"""Values, beginnings and ends. The longest brief that the model accepts has about 250."""

NULLS = {"", "~", "null", "Null", "NULL"}
COLOUR_AS_COMMENT = re.compile(r"(?<![\"'\w])#[0-9a-fA-F]{3,8}\b")
COLOUR_HINT = "YAML treats text after # as a comment, so put colours in quotes, such as '#1a2b3c'"


@dataclass(frozen=True, slots=True)
class Marked:
    """The data of a text. `data` is None when the text could not be parsed; `faults` then says why."""

    data: Any
    lines: dict[Place, int]
    faults: list[Fault]


class _BeyondLimits(Exception):
    """The text has more in it than any brief."""


def read_marked(text: str) -> Marked:
    """Read one YAML or JSON text. Never raises: whatever is wrong with the text is in `faults`."""
    reader = _Reader(text)
    try:
        data = reader.document()
    except _BeyondLimits as error:
        # Such a file is no brief, and its other faults would bury this one.
        return Marked(None, reader.lines, [(reader.line, f"{error}; is this the right file?")])
    except ReaderError as error:
        reader.refuse(text.count("\n", 0, error.position) + 1, f"an unprintable character (U+{error.character:04X})")
    except MarkedYAMLError as error:
        reader.refuse(*_in_plain_words(error, reader.line, reader.source))
    except (YAMLError, ValueError, OverflowError) as error:
        # ruamel lets ValueError and OverflowError through for escapes beyond Unicode, such as "\Uffffffff".
        reader.refuse(reader.line, f"not valid YAML or JSON near here ({error})")
    else:
        return Marked(data, reader.lines, reader.faults)
    return Marked(None, reader.lines, reader.faults)


class _Reader:
    """Builds data from ruamel's parsing events: they carry places, and come before any constructor or expansion."""

    def __init__(self, text: str) -> None:
        self.source = re.split(r"\r\n|\r|\n", text)
        self.events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self.line = 1
        self.left = EVENT_LIMIT
        self.lines: dict[Place, int] = {}
        self.faults: list[Fault] = []
        self.hidden: dict[int, str | None] = {}
        """By line: the colour that a comment hides, searched for once, because a line may have thousands of values."""

    def refuse(self, line: int, message: str) -> None:
        self.faults.append((line, message))

    def document(self) -> Any:
        self._next()
        if isinstance(self._next(), StreamEndEvent):
            self.refuse(1, "the file is empty")
            return None
        data = self._value(self._next(), ())
        self._next()
        if not isinstance(self._next(), StreamEndEvent):
            self.refuse(self.line, "a second document begins here; a file must have only one")
        return data

    def _next(self) -> Event:
        event = next(self.events)
        self.line = event.start_mark.line + 1
        self.left -= 1
        if self.left < 0:
            raise _BeyondLimits(f"more than {EVENT_LIMIT:,} values")
        return event

    def _value(self, event: Event, place: Place) -> Any:
        if len(place) > DEPTH_LIMIT:
            raise _BeyondLimits(f"more than {DEPTH_LIMIT} levels deep")
        self._refuse_markup(event)
        self.lines.setdefault(place, self.line)
        if isinstance(event, MappingStartEvent):
            return self._mapping(place)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(place)
        return self._scalar(event, place) if isinstance(event, ScalarEvent) else f"*{getattr(event, 'anchor', '')}"

    def _mapping(self, place: Place) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            line = self.line
            key = self._value(event, (*place, f"name on line {line}"))
            if isinstance(key, str) and key not in data:
                self.lines[*place, key] = line
                data[key] = self._value(self._next(), (*place, key))
                continue
            self._value(self._next(), (*place, f"value on line {line}"))
            wanted = "put text that begins with { or [ in quotes"
            self.refuse(line, f"{key}: given twice" if isinstance(key, str) else f"a field without a name; {wanted}")
        return data

    def _sequence(self, place: Place) -> list[Any]:
        data: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            data.append(self._value(event, (*place, len(data))))
        return data

    def _scalar(self, event: ScalarEvent, place: Place) -> str | None:
        if event.implicit[0] and event.value in NULLS:
            return self._empty(event, place)
        try:
            # JSON writes characters beyond U+FFFF as two escapes, which YAML leaves as two halves.
            return str(event.value or event.tag or "").encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.refuse(self.line, "half of a character (a lone surrogate escape)")
            return str(event.value).encode(errors="replace").decode()

    def _empty(self, event: ScalarEvent, place: Place) -> str | None:
        """None, unless the line has a comment that looks like a colour and was probably meant as one."""
        line = self.lines[place]
        swallowed = None if event.value else self._hidden_colour(line)
        if swallowed:
            self.refuse(line, f"{'.'.join(map(str, place))}: read as empty; {COLOUR_HINT}")
        return swallowed

    def _hidden_colour(self, line: int) -> str | None:
        if line not in self.hidden:
            found = COLOUR_AS_COMMENT.search(self.source[line - 1]) if line <= len(self.source) else None
            self.hidden[line] = found[0] if found else None
        return self.hidden[line]

    def _refuse_markup(self, event: Event) -> None:
        """Refuse anchors, aliases and tags: in a brief, they are text that needs quotes."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            mark = "*" if isinstance(event, AliasEvent) else "&"
            self.refuse(self.line, f"put text that begins with {mark} in quotes (found {mark}{anchor})")
        if tag:
            self.refuse(self.line, f"put text that begins with ! in quotes (found {tag})")


def _in_plain_words(error: MarkedYAMLError, last_read: int, source: list[str]) -> Fault:
    """Plain messages for the most common mistakes, at the line where a person would look."""
    problem = str(error.problem)
    line = error.problem_mark.line + 1 if error.problem_mark else last_read
    opened = error.context_mark.line + 1 if error.context_mark and "node content" not in problem else last_read
    if COLOUR_AS_COMMENT.search("".join(source[opened - 1 : opened])):
        return opened, COLOUR_HINT
    if "stream" in problem:
        return opened, "a quote or bracket opened here is never closed"
    if "mapping values are not allowed" in problem:
        return line, "put text that contains a colon and a space in quotes, or fix the indentation"
    if "'\\t'" in problem:
        return line, "indented with a tab; YAML requires spaces"
    if "cannot start any token" in problem:
        return line, f"put this text in quotes ({problem})"
    return line, f"not valid YAML or JSON: {problem}"
