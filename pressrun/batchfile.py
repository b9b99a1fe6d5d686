"""The JSONL files of the Batch API: written from calls, read back into answers, line by line.

Invariant: reading never fails and never invents. Whatever bytes come back, every call ends as exactly one answer, every
line that matches no call is counted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pressrun.calls import Answer, Call, Route
from pressrun.frozen import Frozen
from pressrun.reasons import broken_off, is_error, is_reply, is_retryable, reason
from pressrun.usage import read_usage
from pressrun.wire import count, read_json

__all__ = ["Account", "Harvest", "read_line", "request_line"]


def request_line(call: Call) -> bytes:
    """One line of an input file, including the line end.

    The body keeps its key order, because a model writes the fields of a JSON schema in the schema's order.
    """
    line = {"custom_id": call.id, "method": "POST", "url": call.endpoint, "body": call.batch_body}
    return orjson.dumps(line) + b"\n"


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
    errors_among_answers: int = 0
    """The part of `unanswered` with a line in the output file; known once `rest` has been consumed."""

    lacks_errors: bool = False
    """Whether the file of errors is named and does not exist."""

    def __post_init__(self) -> None:
        self._asked = frozenset(self.ids)
        self._failed_in_output: set[str] = set()
        # A dict keeps the order, so that missing calls are reported in the order of the file.
        self._left: dict[str, Fields | None] = dict.fromkeys(self.ids)
        self._input = self._output = 0

    def take(self, line: str | bytes, *, is_output: bool = True) -> Answer | None:
        """Take one line of the output file, or else of the error file; None when it gives no answer (yet).

        Never raises. A failure is held back until both files have been read: an answer to the same call may follow.
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
            # Our ids are lower case, however a server writes them.
            call_id = call_id.strip().lower()
        if call_id not in self._asked:
            self.unknown += 1
            return None
        if call_id not in self._left or (self._left[call_id] and "body" not in fields):
            self.duplicates += 1
            return None
        if "body" not in fields:
            self._left[call_id] = fields
            self._failed_in_output |= {call_id} if is_output else set()
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
            self.errors_among_answers += call_id in self._failed_in_output
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
    return {"usage": reported.usage, "usage_is_known": reported.is_known}


def _error_of(record: dict[str, Any], response: dict[str, Any], body: dict[str, Any] | None) -> Any:
    """The first of the places that has words or a code."""
    places = (
        record.get("error"),
        broken_off(body),
        body,
        response.get("body"),
        response.get("error"),
        record.get("message"),
    )
    return next((place for place in places if any(reason(place))), None)


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
        "retryable": is_retryable(code, status, told.message),
    }
