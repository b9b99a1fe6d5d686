"""The JSONL files of the Batch API: written from calls, read back into answers, line by line.

Invariant: reading never fails and never invents. Whatever bytes come back, every call ends as exactly one answer, every
line that matches no call is counted, and no line takes more memory than `LONGEST_LINE`.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pressrun.calls import Answer, Call, Frozen, Route, Usage
from pressrun.errors import Unreadable
from pressrun.reasons import may_help, reason
from pressrun.reported import read_usage
from pressrun.wire import count

__all__ = ["Account", "Harvest", "is_error", "is_reply", "read_json", "read_line", "request_line", "result_lines"]


def request_line(call: Call) -> bytes:
    """One line of an input file, including the line end.

    The body keeps its key order, because a model writes the fields of a JSON schema in the schema's order.
    """
    line = {"custom_id": call.id, "method": "POST", "url": call.endpoint, "body": call.batch_body}
    return orjson.dumps(line) + b"\n"


SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
LONGEST_LINE = 128_000_000
"""Bytes of the longest result line that is read: one reply with the largest images takes a quarter of it."""
DEEPEST = 100
"""Levels of JSON that are read; pydantic cannot store more than 255."""
LONGEST_WHOLE = 64_000_000
"""Bytes of the largest result file that is read as one text, because it is not in JSON Lines."""


BETWEEN = re.compile(r"[\s,]*")
"""What stands between the values of a text."""

Fields = dict[str, Any]
"""The fields of an `Answer` that a line gives."""


class Account(Frozen):
    """The counts of one batch's lines: `submitted` = `answered` + `failed` + `unanswered`, always."""

    submitted: int
    answered: int
    failed: int
    """Lines that the provider refused permanently."""
    unanswered: int
    """Lines worth another try: 429, 5xx, expired, cancelled, or in neither file."""
    garbage: int = 0
    """Result lines that could not be read."""
    duplicates: int = 0
    """Result lines for a call that already had one. An answer counts before a failure, else the first line counts."""
    unknown: int = 0
    """Result lines for calls that were not sent."""
    input_tokens: int = 0
    output_tokens: int = 0
    """The sum over the lines."""

    @property
    def strays(self) -> int:
        """Result lines that match no call, or a call that already had its answer."""
        return self.garbage + self.duplicates + self.unknown


@dataclass
class Harvest:
    """Turns the lines of a batch's two result files into one answer per call, as a stream.

    Only the ids stay in memory, not the answers.
    """

    ids: Iterable[str]
    """The calls that were sent."""
    batch_id: str
    run_id: str
    """The flow run that paid for the batch."""
    at: datetime
    asked_at: datetime | None = None
    """When the batch was created."""
    answered: int = 0
    failed: int = 0
    unanswered: int = 0
    garbage: int = 0
    duplicates: int = 0
    unknown: int = 0
    unreadable: int = 0
    """The part of `garbage` that may have been answers: lines that are not JSON objects."""
    missing: int = 0
    """Calls without a line; known once `rest` has been consumed."""

    def __post_init__(self) -> None:
        self._asked = frozenset(self.ids)
        # A dict keeps the order, so that missing calls are reported in the order of the file.
        self._left: dict[str, Fields | None] = dict.fromkeys(self.ids)
        self._input = self._output = 0

    def take(self, line: str | bytes) -> Answer | None:
        """Take one line of an output or error file; None when it gives no answer (yet). Never raises.

        A failure is held back until both files have been read, because an answer to the same call may follow.
        """
        if not line.strip():
            return None
        record = read_json(line)
        parsed = _read_record(record) if record is not None else None
        if parsed is None:
            self.garbage += 1
            self.unreadable += record is None
            return None
        call_id, fields = parsed
        if call_id not in self._asked:
            self.unknown += 1
            return None
        if call_id not in self._left or (self._left[call_id] and "body" not in fields):
            self.duplicates += 1
            return None
        if "body" not in fields:
            self._left[call_id] = fields
            return None
        self.duplicates += self._left.pop(call_id) is not None
        return self._count(call_id, fields)

    def rest(self, why: str) -> Iterator[Answer]:
        """The calls without an answer: those that failed, and those without a line, as retryable failures.

        To be called after both files have been read.
        """
        missing: Fields = {"error": why, "code": "missing", "retryable": True}
        for call_id, failure in self._left.items():
            self.missing += failure is None
            yield self._count(call_id, failure or missing)
        self._left = {}

    def account(self) -> Account:
        """The counts; they balance once `rest` has been consumed."""
        return Account(
            submitted=len(self._asked),
            answered=self.answered,
            failed=self.failed,
            unanswered=self.unanswered,
            garbage=self.garbage,
            duplicates=self.duplicates,
            unknown=self.unknown,
            input_tokens=self._input,
            output_tokens=self._output,
        )

    def _count(self, call_id: str, fields: dict[str, Any]) -> Answer:
        answer = Answer(
            call_id=call_id,
            route=Route.BATCH,
            batch_id=self.batch_id,
            run_id=self.run_id,
            asked_at=self.asked_at,
            answered_at=self.at,
            **fields,
        )
        if answer.body is not None:
            self.answered += 1
            self._input += answer.usage.input
            self._output += answer.usage.output
        elif answer.retryable:
            self.unanswered += 1
        else:
            self.failed += 1
        return answer


def read_line(line: str | bytes) -> tuple[str, Fields] | None:
    """Read one result line into its custom_id and the answer's fields; None when it is not a result line.

    `response` may be absent or the reply itself, its `body` may be an object or JSON text, and its `status_code` may be
    text or absent: compatible servers do all of that.
    """
    record = read_json(line)
    return _read_record(record) if record is not None else None


def _read_record(record: dict[str, Any]) -> tuple[str, Fields] | None:
    call_id = record.get("custom_id")
    if not isinstance(call_id, str):
        return None
    response = _object(record.get("response")) or {}
    body = response if is_reply(response) else _object(response.get("body"))
    status = count(response.get("status_code"))
    if status is not None and not 100 <= status < 600:
        status = None  # 0 is how Go writes an absent number.
    succeeded = 200 <= status < 300 if status is not None else is_reply(body)
    if succeeded and body is not None and not is_error(body):
        return call_id, {"body": body}
    return call_id, _failure(_error_of(record, response, body), status) | _used(body)


def _used(body: dict[str, Any] | None) -> Fields:
    """The usage of a failure that reports one: it may be billed."""
    if not body or not body.get("usage"):
        return {}
    reported = read_usage(body)
    return {"usage": Usage.of(reported), "usage_is_known": reported.is_known}


def is_reply(body: dict[str, Any] | None) -> bool:
    """Whether it has content, whatever its status says."""
    return body is not None and any(isinstance(body.get(name), list) and body[name] for name in ("choices", "data"))


def is_error(body: dict[str, Any]) -> bool:
    """Whether it reports an error and nothing else, which some gateways do with status 200."""
    return not is_reply(body) and bool(body.get("error") or reason(body).message)


def _error_of(record: dict[str, Any], response: dict[str, Any], body: dict[str, Any] | None) -> Any:
    """The first of the places that has words or a code."""
    places = (record.get("error"), body, response.get("body"), response.get("error"), record.get("message"))
    return next((place for place in places if any(reason(place))), None)


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


def _object(value: Any) -> dict[str, Any] | None:
    """A JSON object, also one that is written as text."""
    if isinstance(value, str):
        return read_json(value)
    return value if isinstance(value, dict) else None


def _failure(error: Any, status: int | None) -> Fields:
    """Error text, code, and whether a retry may help."""
    told = reason(error)
    code = told.code or (str(status) if status is not None else "unknown")
    return {
        "error": told.message or f"the provider gave no reason (status {status})",
        "code": code,
        "retryable": may_help(code, status),
    }


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
    return not first.lstrip().startswith((b"[", b"{")) or read_json(first) is not None


def _records(whole: bytes) -> Iterator[bytes]:
    """The objects of a text, each as a line; the text's own lines when it is not a sequence of JSON values."""
    text = whole.decode(json.detect_encoding(whole), "replace").lstrip("\ufeff")
    decoder = json.JSONDecoder()
    records: list[Any] = []
    at = _after_space(text, 0)
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            records += value if isinstance(value, list) else [value]
            at = _after_space(text, at)
    except (ValueError, RecursionError):
        yield from whole.split(b"\n")
        return
    yield from (json.dumps(record).encode("utf-8") for record in records)


def _after_space(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at
