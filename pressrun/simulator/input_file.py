"""Validation of a batch's input file, which OpenAI does after the batch was created.

Invariant: in a file without problems, all lines name the same endpoint and model, and each has a unique id. Bodies are
not validated here: an invalid body fails its line, not the batch.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pressrun.simulator.errors import ApiError
from pressrun.simulator.models import find_model, require_kind

__all__ = ["Findings", "Line", "inspect", "read_lines"]

MOST_LINES = 50_000
MOST_PROBLEMS = 100
"""Problems reported per file, so that a completely invalid file does not make every poll megabytes long."""


@dataclass(frozen=True)
class Line:
    """One request of the file; `number` is counted from 1."""

    number: int
    custom_id: str
    body: dict[str, Any]


@dataclass
class Findings:
    """What validation found: `problems` as `errors.data` has them, or the `model` and the `total` of lines."""

    problems: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    model: str | None = None
    ids: set[str] = field(default_factory=set)

    def report(self, line: int | None, code: str, message: str, param: str | None = None) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append({"code": code, "message": message, "param": param, "line": line})


def inspect(path: Path, endpoint: str, day: date) -> Findings:
    """Validate the file for a batch on `endpoint`, with the models available on `day`."""
    findings = Findings()
    is_blank = True
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            is_blank = is_blank and not raw.strip()
            findings.total = number
            _inspect_line(number, raw, endpoint, findings)
    if is_blank:
        findings.problems = []
        findings.report(None, "empty_file", "The input file is empty.")
    elif findings.total > MOST_LINES:
        message = f"The input file has {findings.total} requests; the most that a batch may have is {MOST_LINES}."
        findings.problems = []
        findings.report(None, "too_many_tasks", message)
    if not findings.problems:
        _inspect_model(str(findings.model), endpoint, day, findings)
    return findings


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file in which `inspect` found no problem."""
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            line = json.loads(raw)
            yield Line(number, line["custom_id"], line["body"])


def _inspect_line(number: int, raw: bytes, endpoint: str, findings: Findings) -> None:
    try:
        line = json.loads(raw.decode("utf-8"))
    except ValueError:
        line = None
    if not isinstance(line, dict):
        findings.report(number, "invalid_json_line", "This line is not parseable as valid JSON.")
        return
    absent = next((name for name in ("custom_id", "method", "url", "body") if not line.get(name)), None)
    if absent:
        message = f"Missing required parameter: '{absent}'."
        findings.report(number, "missing_required_parameter", message, absent)
        return
    _inspect_envelope(number, line, endpoint, findings)


def _inspect_envelope(number: int, line: dict[str, Any], endpoint: str, findings: Findings) -> None:
    custom_id, body = line["custom_id"], line["body"]
    if not isinstance(custom_id, str):
        findings.report(number, "invalid_request", "custom_id must be a string.", "custom_id")
    elif custom_id in findings.ids:
        message = f"The custom_id '{custom_id}' for this request is a duplicate of another request."
        findings.report(number, "duplicate_custom_id", message, "custom_id")
    else:
        findings.ids.add(custom_id)
    if line["method"] != "POST":
        findings.report(number, "invalid_method", "The method must be POST.", "method")
    if line["url"] != endpoint:
        message = f"The provided URL '{line['url']}' does not match the batch's endpoint '{endpoint}'."
        findings.report(number, "url_mismatch", message, "url")
    model = body.get("model") if isinstance(body, dict) else None
    if not isinstance(model, str):
        findings.report(number, "missing_required_parameter", "Missing required parameter: 'body.model'.", "body.model")
    elif model != (findings.model or model):
        message = f"The model '{model}' differs from '{findings.model}'; all requests of a file must use one model."
        findings.report(number, "model_mismatch", message, "body.model")
    else:
        findings.model = model


def _inspect_model(name: str, endpoint: str, day: date, findings: Findings) -> None:
    try:
        model = find_model(name, day)
        require_kind(model, "image" if endpoint.startswith("/v1/images") else "text")
    except ApiError as error:
        findings.report(1, error.code or "invalid_request", error.message, "body.model")
        return
    if not model.batch:
        message = f"The provided model '{name}' is not supported by the Batch API."
        findings.report(1, "model_not_supported", message, "body.model")
