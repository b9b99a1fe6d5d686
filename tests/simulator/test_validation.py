"""Validation of a batch's input file, and of uploads."""

import json
from datetime import date
from pathlib import Path
from time import monotonic, sleep

import pytest
from openai import BadRequestError, OpenAI

from pressrun.simulator import app
from pressrun.simulator.batches import Batches, NewBatch
from pressrun.simulator.bill import Bill
from pressrun.simulator.database import Database
from pressrun.simulator.faults import Faults
from pressrun.simulator.files import Files
from pressrun.simulator.input_file import MOST_LINES, inspect
from pressrun.simulator.prompt_cache import PromptCache
from pressrun.simulator.runner import Runner
from tests.simulator.driving import CHAT, IMAGES, a_chat, a_line, an_image, submit, wait_for

TODAY = date(2026, 11, 23)


def an_input_file(folder: Path, *lines: dict[str, object] | str) -> Path:
    path = folder / "input.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("second", "code", "param"),
    [
        ("{not json", "invalid_json_line", None),
        ("[1]", "invalid_json_line", None),
        ("", "invalid_json_line", None),
        (a_line("one"), "duplicate_custom_id", "custom_id"),
        (a_line("two", a_chat(model="gpt-6-sol")), "model_mismatch", "body.model"),
        (a_line("two", url=IMAGES), "url_mismatch", "url"),
        (a_line("two", method="GET"), "invalid_method", "method"),
        (a_line(None), "missing_required_parameter", "custom_id"),
        (a_line("two", url=None), "missing_required_parameter", "url"),
        (a_line("two", a_chat(model=None)), "missing_required_parameter", "body.model"),
        (a_line(7), "invalid_request", "custom_id"),
    ],
)
def test_a_fault_is_reported_with_its_line(
    tmp_path: Path, second: dict[str, object] | str, code: str, param: str | None
) -> None:
    findings = inspect(an_input_file(tmp_path, a_line("one"), second), CHAT, TODAY)
    assert [(fault["code"], fault["line"], fault["param"]) for fault in findings.problems] == [(code, 2, param)]


@pytest.mark.parametrize("content", ["", "\n", "  \n\n"])
def test_a_file_without_lines_is_empty(tmp_path: Path, content: str) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text(content)
    assert [fault["code"] for fault in inspect(path, CHAT, TODAY).problems] == ["empty_file"]


def test_the_number_of_lines_is_limited(tmp_path: Path) -> None:
    lines = [json.dumps(a_line(str(number))) for number in range(MOST_LINES + 1)]
    most = inspect(an_input_file(tmp_path, *lines[:-1]), CHAT, TODAY)
    assert (most.problems, most.total) == ([], 50_000)
    assert [fault["code"] for fault in inspect(an_input_file(tmp_path, *lines), CHAT, TODAY).problems] == [
        "too_many_tasks"
    ]


@pytest.mark.parametrize(
    ("line", "endpoint", "code"),
    [
        (a_line(body=a_chat(model="gpt-unknown")), CHAT, "model_not_found"),
        (a_line(body=a_chat(model="gpt-4.1-nano")), CHAT, "model_not_found"),
        (a_line(body=an_image(), url=CHAT), CHAT, "invalid_value"),
        (a_line(body=a_chat(), url=IMAGES), IMAGES, "invalid_value"),
        (a_line(body=an_image(model="gpt-image-2.6-flare"), url=IMAGES), IMAGES, "model_not_supported"),
    ],
)
def test_a_model_that_the_batch_cannot_use_is_reported(
    tmp_path: Path, line: dict[str, object], endpoint: str, code: str
) -> None:
    findings = inspect(an_input_file(tmp_path, line), endpoint, TODAY)
    assert [(fault["code"], fault["line"]) for fault in findings.problems] == [(code, 1)]


def test_a_model_is_refused_from_its_last_day_on(tmp_path: Path) -> None:
    path = an_input_file(tmp_path, a_line(body=a_chat(model="gpt-4o-mini")))
    assert inspect(path, CHAT, date(2027, 1, 13)).problems == []
    assert [fault["code"] for fault in inspect(path, CHAT, date(2027, 1, 14)).problems] == ["model_not_found"]


def test_a_batch_with_a_bad_file_is_created_and_fails_afterwards(client: OpenAI) -> None:
    batch = submit(client, a_line("same"), a_line("same"), "no json")
    assert (batch.status, batch.errors) == ("validating", None)
    failed = wait_for(client, batch)
    assert failed.status == "failed"
    assert failed.failed_at is not None and failed.in_progress_at is None
    assert (failed.output_file_id, failed.error_file_id) == (None, None)
    assert failed.request_counts is not None and failed.request_counts.total == 0
    assert failed.errors is not None and failed.errors.data is not None
    assert [(fault.code, fault.line) for fault in failed.errors.data] == [
        ("duplicate_custom_id", 2),
        ("invalid_json_line", 3),
    ]


def test_an_image_model_without_batches_fails_the_batch(client: OpenAI) -> None:
    line = a_line(body=an_image(model="gpt-image-2.6-sunburst"), url=IMAGES)
    failed = wait_for(client, submit(client, line, endpoint=IMAGES))
    assert failed.errors is not None and failed.errors.data is not None
    assert failed.errors.data[0].code == "model_not_supported"


def test_an_input_file_that_was_deleted_before_validation_fails_the_batch(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3")
    files = Files(database, tmp_path / "files")
    batches = Batches(database, batch_seconds=0.0, window_seconds=60.0, faults=Faults())
    input_file_id = files.add([b"{}"], "input.jsonl", "batch", 60)["id"]
    batch = batches.create(NewBatch(endpoint=CHAT, input_file_id=input_file_id))
    files.delete(input_file_id)
    runner = Runner(database, files, batches, PromptCache(), Faults(), Bill())
    runner.start()
    deadline = monotonic() + 10
    while (seen := batches.get(batch.id)).status == "validating" and monotonic() < deadline:
        sleep(0.01)
    runner.stop()
    database.close()
    assert seen.status == "failed"
    assert [fault["code"] for fault in seen.problems] == ["invalid_request"]


def test_an_upload_must_have_the_right_name(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match=r"\.jsonl"):
        client.files.create(file=("input.json", b"{}"), purpose="batch")


def test_an_upload_must_not_be_larger_than_allowed(client: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.LARGEST_UPLOAD == 200_000_000
    monkeypatch.setattr(app, "LARGEST_UPLOAD", 100)
    client.files.create(file=("input.jsonl", b"x" * 100), purpose="batch")
    with pytest.raises(BadRequestError, match="too large"):
        client.files.create(file=("input.jsonl", b"x" * 101), purpose="batch")


@pytest.mark.parametrize(
    "options",
    [
        {"purpose": "fine-tune"},
        {"purpose": "batch", "expires_after": {"anchor": "created_at", "seconds": 3599}},
        {"purpose": "batch", "expires_after": {"anchor": "now", "seconds": 3600}},
    ],
)
def test_an_upload_with_wrong_options_is_refused(client: OpenAI, options: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        client.files.create(file=("input.jsonl", b"{}"), **options)
