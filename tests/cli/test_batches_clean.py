"""`pressrun batches clean`: what is left behind goes, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.batches_project import OLD_NAME, OURS, Project, at, simulated
from tests.routes.raw_server import Asked, Reply, serving
from tests.simulator.clock import Clock
from tests.simulator.driving import a_line, wait_for

BATCH_SECONDS = 100


@pytest.fixture
def project(tmp_path: Path, clock: Clock) -> Iterator[Project]:
    """A project in which everything is two hours old, and batches end when the clock is moved."""
    clock.advance(-7_200)
    with simulated(tmp_path, batch_seconds=BATCH_SECONDS) as project:
        yield project


def test_what_a_crash_left_is_cleaned_and_nothing_else(project: Project) -> None:
    left, older = project.upload(), project.upload(name=OLD_NAME)
    other = project.upload(name="my-data.jsonl")
    in_use = project.batch().input_file_id
    ended = project.run("clean", "--yes")
    assert ended.exit_code == 0
    assert "Deleted 2 files, " in ended.output and "Bytes" in ended.output
    assert "1 input file is kept" in ended.output
    assert project.files() == {other, in_use}
    assert left not in project.files() and older not in project.files()


def test_what_is_new_is_left_alone(project: Project) -> None:
    left = project.upload()
    ended = project.run("clean", "--older-than", "1 day", "--yes")
    assert ended.exit_code == 0
    assert "There is nothing to delete." in ended.output
    assert project.files() == {left}


def test_what_is_younger_than_an_hour_is_new_unless_it_is_said_otherwise(project: Project, clock: Clock) -> None:
    clock.advance(7_200)
    left = project.upload()
    assert "There is nothing to delete." in project.run("clean", "--yes").output
    assert project.files() == {left}


def test_cleaning_asks_first_and_a_dry_run_only_tells(project: Project) -> None:
    left = project.upload()
    dry = project.run("clean", "--dry-run", "--yes")
    assert (dry.exit_code, left in dry.output) == (0, True)
    assert project.run("clean", answer="n\n").exit_code == 2
    assert project.run("clean").exit_code == 2
    assert project.files() == {left}
    assert project.run("clean", answer="y\n").exit_code == 0
    assert project.files() == set()


def test_answers_are_deleted_only_when_asked_for_and_after_a_warning(project: Project, clock: Clock) -> None:
    bad = a_line("bad", body={"model": "gpt-6-luna", "no_such_parameter": 1})
    made = [project.batch(a_line(), bad, site="bakery"), project.batch(ours=False, name="my-data.jsonl")]
    clock.advance(BATCH_SECONDS)
    ours, other = (wait_for(project.client, batch) for batch in made)
    assert project.run("clean", "--yes").exit_code == 0
    kept = {ours.output_file_id, ours.error_file_id, other.input_file_id, other.output_file_id}
    assert project.files() == kept
    ended = project.run("clean", "--answers", "--yes")
    assert ended.exit_code == 0
    assert "would be lost and paid for again" in ended.output
    assert f"{ours.id}: 1 answer, bakery" in ended.output
    assert other.id not in ended.output
    assert project.files() == {other.input_file_id, other.output_file_id}
    said = project.run("show", ours.id).output
    assert "would be paid for again" in said


def test_a_file_that_a_batch_takes_up_while_the_person_thinks_is_left_alone() -> None:
    """The second look finds a live batch that uses one of the two files."""
    looks: list[str] = []
    files = [{"id": f"file-{n}", "filename": OURS, "purpose": "batch", "bytes": 7, "created_at": 1} for n in (1, 2)]

    def answer(asked: Asked) -> Reply:
        if asked.method == "GET" and asked.path.startswith("/v1/files"):
            return Reply({"data": files, "has_more": False})
        if asked.method == "GET":
            looks.append(asked.path)
            return Reply({"data": [{"id": "b", "status": "validating", "input_file_id": "file-1"}][: len(looks) - 1]})
        return Reply({"deleted": True})

    with serving(answer) as server, at(server.base_url) as here:
        ended = here.run("clean", "--yes")
    assert ended.exit_code == 0
    assert [asked.path for asked in server.asked if asked.method == "DELETE"] == ["/v1/files/file-2"]
    assert "a batch now uses them" in ended.output


def test_a_deletion_that_fails_is_told_and_the_rest_goes_on() -> None:
    files = [{"id": f"file-{n}", "filename": OURS, "purpose": "batch", "bytes": 7, "created_at": 1} for n in (1, 2)]

    def answer(asked: Asked) -> Reply:
        if asked.method == "DELETE":
            return Reply({}, 403 if asked.path.endswith("file-1") else 200)
        return Reply({"data": files if asked.path.startswith("/v1/files") else []})

    with serving(answer) as server, at(server.base_url) as here:
        ended = here.run("clean", "--yes")
    assert ended.exit_code == 1
    assert "file-1" in ended.stderr
    assert "Deleted 1 file, 7 Bytes." in ended.output


@pytest.mark.parametrize("age", ["soon", "5", "-1h"])
def test_an_age_that_makes_no_sense_is_refused(age: str, project: Project) -> None:
    ended = project.run("clean", "--older-than", age)
    assert ended.exit_code == 2
    assert "--older-than" in ended.stderr
