"""The JSONL files of the Batch API: written from calls, read back into answers, line by line.

Invariant: reading never fails and never invents. Whatever bytes come back, every call ends as exactly one answer, and
every line that matches no call is counted.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pressrun.calls import Answer, Call, Frozen, Route

__all__ = ["Account", "Harvest", "read_json", "read_line", "request_line"]


def request_line(call: Call) -> bytes:
    """One line of an input file, including the line end.

    The body keeps its key order, because a model writes the fields of a JSON schema in the schema's order.
    """
    line = {"custom_id": call.id, "method": "POST", "url": call.endpoint, "body": call.body}
    return orjson.dumps(line) + b"\n"


SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
RETRYABLE_CODES = {"batch_expired", "batch_cancelled", "server_error", "rate_limit_exceeded"}


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
    """Result lines for a call that already had one; the first counts."""
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

    def __post_init__(self) -> None:
        self._asked = frozenset(self.ids)
        # A dict keeps the order, so that missing calls are reported in the order of the file.
        self._left = dict.fromkeys(self.ids)
        self._input = self._output = 0

    def take(self, line: str | bytes) -> Answer | None:
        """Take one line of an output or error file; None when it gives no answer. Never raises."""
        if not line.strip():
            return None
        parsed = read_line(line)
        if parsed is None:
            self.garbage += 1
            return None
        call_id, fields = parsed
        if call_id not in self._asked:
            self.unknown += 1
            return None
        if call_id not in self._left:
            self.duplicates += 1
            return None
        del self._left[call_id]
        return self._count(call_id, fields)

    def missing(self, why: str) -> Iterator[Answer]:
        """The calls without a line, as retryable failures; to be called after both files have been read."""
        for call_id in self._left:
            yield self._count(call_id, {"error": why, "code": "missing", "retryable": True})
        self._left = {}

    def account(self) -> Account:
        """The counts; they balance once `missing` has been consumed."""
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


def read_line(line: str | bytes) -> tuple[str, dict[str, Any]] | None:
    """Read one result line into its custom_id and the answer's fields; None when it is not a result line.

    `response` may be absent, and its `body` may be an object or JSON text: compatible servers do both.
    """
    record = read_json(line)
    if record is None or not isinstance(record.get("custom_id"), str):
        return None
    response = record.get("response")
    response = response if isinstance(response, dict) else {}
    body = _body(response.get("body"))
    status = response.get("status_code")
    if status == 200 and body is not None:
        return record["custom_id"], {"body": body}
    return record["custom_id"], _failure(record.get("error"), body, status)


def read_json(text: str | bytes) -> dict[str, Any] | None:
    """A provider's JSON object, or None when the text is not one.

    Half a surrogate pair (a truncated emoji) becomes U+FFFD, because it could not be encoded as UTF-8.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        value = _read_leniently(text)
    return value if isinstance(value, dict) else None


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


def _body(body: Any) -> dict[str, Any] | None:
    if isinstance(body, str):
        return read_json(body)
    return body if isinstance(body, dict) else None


def _failure(error: Any, body: dict[str, Any] | None, status: Any) -> dict[str, Any]:
    """Error text, code, and whether a retry may help, from wherever the line has them."""
    detail = error if isinstance(error, dict) else (body or {}).get("error")
    detail = detail if isinstance(detail, dict) else {}
    code = str(detail.get("code") or status or "unknown")
    message = str(detail.get("message") or f"the provider gave no reason (status {status})")
    by_status = isinstance(status, int) and (status in (408, 409, 429) or status >= 500)
    never_ran = status is None or status == 200
    return {
        "error": message,
        "code": code,
        "retryable": code != "insufficient_quota" and (by_status or never_ran or code in RETRYABLE_CODES),
    }
