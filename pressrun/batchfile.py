"""The JSONL files of the Batch API: written from calls, read back into answers, line by line.

Invariant: reading never fails and never invents. Whatever bytes come back, every call that was asked ends as exactly
one answer, and everything that belongs to no call is counted.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pressrun.calls import Answer, Call, Endpoint, Frozen, Route

__all__ = ["MAX_BYTES", "MAX_REQUESTS", "Harvest", "Shard", "read_json", "read_line", "shards", "write_jsonl"]

MAX_REQUESTS = 50_000
MAX_BYTES = 200_000_000
"""Published as 200 MB; counted as 10^6, the smaller reading (`openai-facts.md` 3)."""


class Shard(Frozen):
    """The calls of one batch: one model, one endpoint, within the provider's limits."""

    endpoint: Endpoint
    model: str
    calls: list[Call]

    @property
    def key(self) -> str:
        """SHA-256 (hex) over the calls' ids and contents, whatever their order: the same work has the same key."""
        digest = sha256()
        for line in sorted(f"{call.id} {call.key}" for call in self.calls):
            digest.update(line.encode())
        return digest.hexdigest()

    @property
    def title(self) -> str:
        """For people: `33 gpt-6-luna requests`."""
        return f"{len(self.calls)} {self.model} {'request' if len(self.calls) == 1 else 'requests'}"


def request_line(call: Call) -> bytes:
    """One line of an input file, with its line end.

    The body keeps its order: a model writes the fields of a JSON schema in the schema's order.
    """
    line = {"custom_id": call.id, "method": "POST", "url": call.endpoint, "body": call.body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def shards(calls: Iterable[Call]) -> list[Shard]:
    """Split calls into as few batches as the limits allow: a file holds one model and one endpoint.

    The order of the calls is kept. A call whose id occurs twice is asked once: equal ids mean equal contents.
    """
    groups: dict[tuple[Endpoint, str], dict[str, Call]] = {}
    for call in calls:
        groups.setdefault((call.endpoint, call.model), {})[call.id] = call
    return [
        Shard(endpoint=endpoint, model=model, calls=part)
        for (endpoint, model), group in groups.items()
        for part in _parts(group.values())
    ]


def _parts(calls: Iterable[Call]) -> Iterator[list[Call]]:
    part: list[Call] = []
    size = 0
    for call in calls:
        length = len(request_line(call))
        if part and (len(part) == MAX_REQUESTS or size + length > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(call)
        size += length
    yield part


def write_jsonl(shard: Shard, path: Path) -> None:
    """Write the input file of a shard."""
    with path.open("wb") as file:
        file.writelines(request_line(call) for call in shard.calls)


SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
RETRYABLE_CODES = {"batch_expired", "batch_cancelled", "server_error", "rate_limit_exceeded"}


@dataclass
class Harvest:
    """Collects the lines of a batch's two result files into one answer for each call that was asked."""

    shard: Shard
    batch_id: str
    run_id: str
    """The flow run that paid for the batch."""
    at: datetime
    answers: dict[str, Answer] = field(default_factory=dict)
    strays: int = 0
    """Lines that were not JSON, had no id that was asked, or came a second time."""

    def __post_init__(self) -> None:
        self._asked = {call.id for call in self.shard.calls}

    def add(self, line: str | bytes) -> None:
        """Take one line of an output or error file; never raises."""
        if not line.strip():
            return
        parsed = read_line(line)
        if parsed is None or parsed[0] not in self._asked or parsed[0] in self.answers:
            self.strays += 1
            return
        call_id, fields = parsed
        self.answers[call_id] = Answer(
            call_id=call_id,
            route=Route.BATCH,
            batch_id=self.batch_id,
            run_id=self.run_id,
            answered_at=self.at,
            **fields,
        )

    def close(self, why_missing: str) -> list[Answer]:
        """One answer for each call, in the shard's order; calls that no line spoke of are retryable failures."""
        return [
            self.answers.get(call.id)
            or Answer(
                call_id=call.id,
                route=Route.BATCH,
                batch_id=self.batch_id,
                run_id=self.run_id,
                error=why_missing,
                code="missing",
                retryable=True,
            )
            for call in self.shard.calls
        ]


def read_line(line: str | bytes) -> tuple[str, dict[str, Any]] | None:
    """Read one result line into its custom_id and the answer's fields; None when it is no result line.

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
    """A JSON object that a provider wrote, or None when it is none.

    Half a surrogate pair (an emoji that was cut) becomes U+FFFD: it could not be written as UTF-8 again.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        value = json.loads(text)
        if SURROGATE.search(text):
            whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            value = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _body(body: Any) -> dict[str, Any] | None:
    if isinstance(body, str):
        return read_json(body)
    return body if isinstance(body, dict) else None


def _failure(error: Any, body: dict[str, Any] | None, status: Any) -> dict[str, Any]:
    """Error text, code, and whether asking again may help, from wherever the line says so."""
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
