"""The fault script: which faults to inject in HTTP exchanges, batches or lines, and how often.

Invariant: without a script nothing changes. With one, each fault applies to the requests, batches or lines that it
matches in order of arrival, after `skip` of them and `times` times, for any client and thread.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, field_validator, model_validator

__all__ = ["BatchFault", "FaultScript", "Faults", "LineFault", "RequestFault", "spoiled"]


class Fault(BaseModel):
    """What all faults share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    skip: NonNegativeInt = 0
    """Matches to let through first."""
    times: NonNegativeInt | None = 1
    """Matches to apply the fault to after those; null: all."""


class RequestFault(Fault):
    """A fault in an HTTP exchange."""

    at: str
    """As in the journal: `POST /v1/batches`, `GET /v1/files/{id}/content`."""
    do: Literal["status", "status_after", "drop_before", "drop_after", "cut", "garbage", "slow"]
    """`..._after`: the request is processed, but the response is lost. `drop`: it closes without a response.
    `cut`: it closes halfway through the body. `garbage`: the request is processed, and the response is a web page."""
    status: int = 500
    """For `status` and `status_after`."""
    code: str | None = None
    retry_after: NonNegativeFloat | None = None
    """Seconds, as a header."""
    seconds: NonNegativeFloat = 0
    """For `slow`: how long processing is delayed."""


class BatchFault(Fault):
    """A fault of a batch, fixed when it is created."""

    endpoint: str | None = None
    """Only batches of this endpoint match."""
    site: str | None = None
    """Only batches match whose metadata names this as their only site."""
    seconds: NonNegativeFloat | None = None
    """How long it takes, instead of the server's setting."""
    end: Literal["expired", "cancelled", "never"] | None = None
    """Its final status once `share` of its lines is answered; `never`: it stays in progress until it is cancelled."""
    share: float = Field(1.0, ge=0, le=1)
    code: str | None = None
    """Validation refuses it with this code."""
    message: str = "The batch was refused by the fault script."
    line: int | None = None
    """The line named in the refusal."""
    stuck: Literal["validating", "in_progress", "finalizing"] | None = None
    """The state that it never leaves, unless it is cancelled. A batch that is stuck in progress answers no line."""
    deaf: bool = False
    """A cancellation is answered with 200 and ignored."""
    late_output: NonNegativeFloat = 0
    """Seconds after its end during which its files are not named."""
    unlisted: NonNegativeFloat = 0
    """Seconds after its creation during which it is not listed."""
    vanish: NonNegativeFloat | None = None
    """Seconds after its creation when it disappears (404)."""
    empty_ids: bool = False
    """Absent file ids are "" instead of null."""
    status_text: str | None = None
    """Shown instead of `in_progress`."""
    body_as_text: bool = False
    """Bodies of result lines are JSON text."""
    bare_errors: bool = False
    """Error lines have no `response` field."""
    miscounted: int = 0
    """Added to the count of completed lines."""
    no_usage: bool = False


NO_FAULT = BatchFault()
UNFIT = {"truncated", "refusal", "off_schema", "not_json", "broken_off"}
"""Faults of a chat completion's content; a picture has none of them."""


class LineFault(Fault):
    """A fault of one line of a batch, or of one real-time reply."""

    item: str = "."
    """A regular expression to search for in the custom_id (in real time: in the request's JSON)."""
    do: Literal[
        "error",
        "missing",
        "duplicate",
        "garbage",
        "stranger",
        "truncated",
        "refusal",
        "off_schema",
        "not_json",
        "broken_off",
    ]
    status: int = 500
    """For `error` and `broken_off`."""
    code: str | None = None
    in_real_time: bool = False
    """Apply to real-time chat completions instead of lines; only for the last five kinds."""

    @field_validator("item")
    @classmethod
    def _can_be_searched_for(cls, item: str) -> str:
        """Validated here, because an error at the line itself would stop the batch permanently."""
        try:
            re.compile(item)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        return item

    @model_validator(mode="after")
    def _can_strike(self) -> Self:
        if self.in_real_time and self.do not in UNFIT:
            raise ValueError(f"`{self.do}` cannot be used in real time; only {', '.join(sorted(UNFIT))} can")
        return self


class FaultScript(BaseModel):
    """All faults to inject."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: tuple[RequestFault, ...] = ()
    batches: tuple[BatchFault, ...] = ()
    lines: tuple[LineFault, ...] = ()


Kind = TypeVar("Kind", bound=Fault)


@dataclass
class Faults:
    """A script in use, with its counts so far."""

    script: FaultScript = field(default_factory=FaultScript)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[int, int] = {}

    def replace(self, script: FaultScript) -> None:
        """Replace the script."""
        with self._lock:
            self.script = script
            self._seen = {}

    @property
    def left(self) -> int:
        """How many matches, including skips, are left until all bounded faults have been applied."""
        with self._lock:
            return sum(
                max(fault.skip + fault.times - self._seen.get(id(fault), 0), 0)
                for fault in (*self.script.requests, *self.script.batches, *self.script.lines)
                if fault.times is not None
            )

    @property
    def struck(self) -> dict[str, list[int]]:
        """How often each fault has been applied so far, in the script's order."""
        with self._lock:
            return {
                "requests": [self._strikes(fault) for fault in self.script.requests],
                "batches": [self._strikes(fault) for fault in self.script.batches],
                "lines": [self._strikes(fault) for fault in self.script.lines],
            }

    def _strikes(self, fault: Fault) -> int:
        struck = max(self._seen.get(id(fault), 0) - fault.skip, 0)
        return struck if fault.times is None else min(struck, fault.times)

    def of_request(self, name: str) -> RequestFault | None:
        return self._strike(self.script.requests, lambda fault: fault.at == name)

    def of_batch(self, endpoint: str, site: str | None = None) -> BatchFault:
        def matches(fault: BatchFault) -> bool:
            return fault.endpoint in (None, endpoint) and fault.site in (None, site)

        found = self._strike(self.script.batches, matches)
        return found or NO_FAULT

    def of_line(self, custom_id: str, *, is_chat: bool = True) -> LineFault | None:
        def matches(fault: LineFault) -> bool:
            fits = not fault.in_real_time and (is_chat or fault.do not in UNFIT)
            return fits and re.search(fault.item, custom_id) is not None

        return self._strike(self.script.lines, matches)

    def of_reply(self, body: Mapping[str, Any]) -> LineFault | None:
        if not self.script.lines:
            return None
        text = json.dumps(body, ensure_ascii=False)
        return self._strike(
            self.script.lines, lambda fault: fault.in_real_time and re.search(fault.item, text) is not None
        )

    def _strike(self, faults: Sequence[Kind], matches: Callable[[Kind], bool]) -> Kind | None:
        """The first matching fault whose turn it is; later faults do not count this match."""
        with self._lock:
            for fault in faults:
                if not matches(fault):
                    continue
                seen = self._seen[id(fault)] = self._seen.get(id(fault), 0) + 1
                if fault.skip < seen and (fault.times is None or seen <= fault.skip + fault.times):
                    return fault
        return None


def spoiled(reply: dict[str, Any], fault: LineFault) -> dict[str, Any]:
    """A chat completion made unusable by the fault; billed like the valid one."""
    choice = reply["choices"][0]
    if fault.do == "broken_off":
        error = {"message": "A fault of the script.", "code": fault.status}
        return {**reply, "choices": [{"index": 0, "error": error}]}
    content = choice["message"]["content"] or ""
    message, finish = {**choice["message"]}, choice["finish_reason"]
    if fault.do == "truncated":
        message["content"], finish = content[: len(content) // 2], "length"
    elif fault.do == "refusal":
        message |= {"content": None, "refusal": "I cannot help with that."}
    elif fault.do == "off_schema":
        message["content"] = json.dumps({"unexpected": True})
    elif fault.do == "not_json":
        message["content"] = f"Here you are:\n```json\n{content}\n```"
    return {**reply, "choices": [{**choice, "message": message, "finish_reason": finish}]}
