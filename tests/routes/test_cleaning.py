"""Which files may go: decided from what was seen, with no provider and no clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressrun.routes.cleaning import Cleaning, plan_cleaning
from pressrun.routes.filelist import FileListing, FileRecord
from pressrun.routes.records import BatchListing, BatchRecord

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NAME = f"pressrun-{'0a' * 16}.jsonl"


def hours_ago(hours: float) -> int:
    return int((NOW - timedelta(hours=hours)).timestamp())


def a_file(file_id: str, *, name: str = NAME, purpose: str = "batch", age: float | None = 5) -> FileRecord:
    created = None if age is None else hours_ago(age)
    return FileRecord.read({"id": file_id, "filename": name, "purpose": purpose, "bytes": 100, "created_at": created})


def a_batch(number: int, status: str, *, ours: bool = True, age: float = 5, **files: str) -> BatchRecord:
    record: dict[str, Any] = {f"{name}_file_id": file_id for name, file_id in files.items()}
    metadata = {"pressrun_key": "ab" * 32} if ours else {}
    moments = {"created_at": hours_ago(age), f"{status}_at": hours_ago(age)}
    return BatchRecord.read({**record, **moments, "id": f"batch_{number}", "status": status, "metadata": metadata})


def cleaning(
    files: list[FileRecord], batches: list[BatchRecord], *, answers: bool = False, is_complete: bool = True
) -> Cleaning:
    return plan_cleaning(
        BatchListing(batches=tuple(batches), is_complete=is_complete),
        FileListing(files=tuple(files), is_complete=True),
        older_than=timedelta(hours=1),
        answers=answers,
        now=NOW,
    )


def gone(plan: Cleaning) -> list[str]:
    return sorted(removal.file.id for removal in plan.removals)


def test_an_upload_that_no_batch_uses_goes() -> None:
    plan = cleaning([a_file("left")], [])
    assert gone(plan) == ["left"]
    assert plan.removals[0].reason == "no batch uses it"


def test_the_input_of_an_ended_batch_goes_and_is_named() -> None:
    plan = cleaning([a_file("in")], [a_batch(1, "completed", input="in", output="out")])
    assert gone(plan) == ["in"]
    assert "batch_1" in plan.removals[0].reason


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling", "pondering"])
@pytest.mark.parametrize("ours", [True, False])
def test_the_input_of_a_live_batch_stays_whoever_made_it(status: str, ours: bool) -> None:
    plan = cleaning([a_file("in")], [a_batch(1, status, ours=ours, input="in")], answers=True)
    assert (gone(plan), plan.kept) == ([], 1)


def test_a_file_that_an_ended_and_a_live_batch_share_stays() -> None:
    batches = [a_batch(2, "in_progress", input="in"), a_batch(1, "failed", input="in")]
    assert gone(cleaning([a_file("in")], batches)) == []


@pytest.mark.parametrize("age", [0.0, 0.9, None])
def test_a_file_that_is_new_or_of_unknown_age_stays(age: float | None) -> None:
    assert gone(cleaning([a_file("new", age=age)], [])) == []


def test_files_of_others_stay() -> None:
    others = [a_file("data", name="data.jsonl"), a_file("tune", purpose="fine-tune"), a_file("seen", name="a.png")]
    plan = cleaning(others, [a_batch(1, "completed", ours=False, input="data", output="seen")], answers=True)
    assert (gone(plan), plan.kept, plan.answers_of) == ([], 0, ())


def test_answers_go_only_when_asked_for_and_their_batches_are_named() -> None:
    results = [a_file("out", name="o", purpose="batch_output"), a_file("err", name="e", purpose="batch_output")]
    batches = [
        a_batch(1, "expired", input="in", output="out", error="err"),
        a_batch(2, "completed", input="in-2", output="was-deleted-before"),
        a_batch(3, "in_progress", input="in-3", output="early"),
    ]
    files = [a_file("in"), *results, a_file("early", name="x", purpose="batch_output")]
    assert gone(cleaning(files, batches)) == ["in"]
    plan = cleaning(files, batches, answers=True)
    assert gone(plan) == ["err", "in", "out"]
    assert [batch.id for batch in plan.answers_of] == ["batch_1"]


def test_answers_of_a_batch_that_has_just_ended_stay() -> None:
    batches = [a_batch(1, "completed", age=0.5, input="in", output="out")]
    plan = cleaning([a_file("out", name="o", purpose="batch_output")], batches, answers=True)
    assert gone(plan) == []


def test_what_a_batch_beyond_the_look_back_may_use_stays() -> None:
    """A batch is created after its input file, so an unseen batch, older than all seen, uses only older files."""
    files = [a_file("older", age=9), a_file("younger", age=5)]
    plan = cleaning(files, [a_batch(1, "completed", age=7)], is_complete=False)
    assert (gone(plan), plan.kept) == (["younger"], 1)
    assert gone(cleaning(files, [], is_complete=False)) == []


def test_batches_beyond_the_look_back_that_must_have_ended_hold_nothing_up() -> None:
    plan = cleaning([a_file("older", age=200)], [a_batch(1, "completed", age=100)], is_complete=False)
    assert gone(plan) == ["older"]
