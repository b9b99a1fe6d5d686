"""`pressrun batches` as a person gives it, against the simulator and against servers that fail."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types import Batch
from typer.testing import CliRunner, Result

from pressrun.cli import app
from pressrun.simulator import running_simulator
from tests.routes.raw_server import Asked, Reply, serving
from tests.simulator.driving import CHAT, a_line, connect, wait_for, wait_for_progress
from tests.test_cli import pressrun

KEY = "ab" * 32
OURS = f"pressrun-{KEY[:32]}.jsonl"
OLD_NAME = f"{KEY[:16]}.jsonl"
SECOND = ("--older-than", "1s")


@dataclass
class Project:
    """A project at the provider, and the command given in its environment."""

    base_url: str
    client: OpenAI

    def run(self, *arguments: str, answer: str = "", key: str = "sk-test-of-batches") -> Result:
        env = {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": key, "COLUMNS": "160"}
        ended = CliRunner().invoke(app, ["batches", *arguments], input=answer, env=env)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        assert "sk-test-of-batches" not in ended.output
        return ended

    def upload(self, *lines: dict[str, Any], name: str = OURS) -> str:
        content = "".join(f"{json.dumps(line)}\n" for line in lines or (a_line(),)).encode()
        return self.client.files.create(file=(name, content), purpose="batch").id

    def batch(
        self, *lines: dict[str, Any], site: str = "bakery", run: str = "run-1", ours: bool = True, name: str = OURS
    ) -> Batch:
        metadata = {"pressrun_key": KEY, "pressrun_schema": "1", "flow_run_id": run, "sites": site} if ours else {}
        file_id = self.upload(*lines, name=name)
        return self.client.batches.create(
            input_file_id=file_id, endpoint=CHAT, completion_window="24h", metadata=metadata
        )

    def files(self) -> set[str]:
        return {file.id for file in self.client.files.list()}


def project(folder: Path, batch_seconds: float) -> Iterator[Project]:
    with running_simulator(folder, batch_seconds=batch_seconds) as url, connect(url) as client:
        yield Project(url, client)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Project]:
    """Batches end within moments."""
    yield from project(tmp_path, 0.1)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Project]:
    """Batches do not end within a test, unless they are cancelled."""
    yield from project(tmp_path, 40)


def grow_old(*_what: object) -> None:
    """Until what was made is older than a second by the provider's whole seconds."""
    time.sleep(2.1)


def test_an_empty_project_is_said_to_be_empty(quick: Project) -> None:
    ended = quick.run("list")
    assert ended.exit_code == 0
    assert "There is no batch of Pressrun's in this project." in ended.output


def test_the_list_shows_ours_newest_first_and_counts_the_others(slow: Project) -> None:
    first, second = slow.batch(site="bakery"), slow.batch(site="florist", run="0f5e77aa-run")
    slow.batch(ours=False)
    said = slow.run("list").output
    assert said.index(second.id) < said.index(first.id)
    assert "florist" in said and "0f5e77aa" in said
    assert "2 batches, 2 live." in said
    assert "1 batch not made by Pressrun not shown." in said


def test_the_list_can_be_narrowed_by_site_run_and_state(slow: Project) -> None:
    bakery, florist = slow.batch(site="bakery"), slow.batch(site="florist", run="run-2")
    assert florist.id not in slow.run("list", "--site", "bakery").output
    assert bakery.id not in slow.run("list", "--run", "run-2").output
    assert florist.id in slow.run("list", "--run", "run-2", "--live").output
    assert "no batch of Pressrun's that fits" in slow.run("list", "--site", "winery").output


def test_a_batch_of_many_sites_names_a_few_and_counts_the_rest(slow: Project) -> None:
    slow.batch(site=",".join(f"site-{number:02d}" for number in range(6)))
    cut = slow.batch(site=",".join(f"site-{number:03d}" for number in range(100))[:512])
    said = slow.run("list").output
    assert "site-03 and 2 others" in said
    assert "site-003 and more than 52 others" in said
    assert "site-055" in slow.run("show", cut.id).output


def test_the_list_is_json_for_programs(slow: Project) -> None:
    made = slow.batch(site="bakery")
    told = json.loads(slow.run("list", "--json").stdout)
    assert told["is_complete"] is True
    (batch,) = told["batches"]
    assert (batch["id"], batch["sites"], batch["key"]) == (made.id, ["bakery"], KEY)
    assert datetime.fromisoformat(batch["created_at"]) == datetime.fromtimestamp(made.created_at, UTC)


def test_a_list_that_goes_on_beyond_the_bound_says_so() -> None:
    page = [{"id": f"batch_{number}", "status": "completed"} for number in range(100)]
    with serving(lambda _asked: Reply({"data": page, "has_more": True})) as server:
        ended = Project(server.base_url, connect(server.base_url)).run("list")
    assert ended.exit_code == 0
    assert "were looked at; older ones may exist" in ended.output


def test_one_batch_is_shown_with_its_files_and_its_end(quick: Project) -> None:
    made = wait_for(quick.client, quick.batch(site="bakery"))
    quick.client.files.delete(made.input_file_id)
    said = quick.run("show", made.id).output
    assert "completed" in said and "Pressrun" in said and KEY in said and "run-1" in said
    assert "1 answered, 0 failed, 1 in all" in said
    assert f"{made.input_file_id}, gone" in said
    assert f"{made.output_file_id}, {made.id}_output.jsonl" in said
    assert "the next run of the same brief collects its answers" in said


def test_a_live_batch_is_shown_with_its_latest_end(slow: Project) -> None:
    made = slow.batch()
    said = slow.run("show", made.id).output
    assert made.expires_at
    assert f"{datetime.fromtimestamp(made.expires_at, UTC):%Y-%m-%d %H:%M:%S} UTC" in said
    told = json.loads(slow.run("show", made.id, "--json").stdout)
    assert (told["is_live"], told["files"]["input"]["name"]) == (True, OURS)


def test_what_validation_found_is_shown(quick: Project) -> None:
    made = wait_for(quick.client, quick.batch(a_line(), a_line()))
    said = quick.run("show", made.id).output
    assert "line 2: duplicate_custom_id" in said
    assert "none of it ran or was billed" in said


@pytest.mark.parametrize("command", ["show", "cancel"])
@pytest.mark.parametrize("batch_id", ["batch_unknown", "../files", " "])
def test_an_unknown_id_is_refused_in_words(command: str, batch_id: str, quick: Project) -> None:
    ended = quick.run(command, batch_id)
    assert ended.exit_code == 2
    assert "There is no batch" in ended.stderr


def test_cancelling_says_what_it_costs_and_asks(slow: Project) -> None:
    made = slow.batch()
    declined = slow.run("cancel", made.id, answer="n\n")
    assert declined.exit_code == 2
    assert "kept and charged" in declined.output and "the next run of the same brief collects them" in declined.output
    assert "Nothing was changed." in declined.stderr
    assert slow.client.batches.retrieve(made.id).cancelling_at is None
    agreed = slow.run("cancel", made.id, answer="y\n")
    assert agreed.exit_code == 0
    assert f"{made.id} is cancelling" in agreed.output
    assert slow.client.batches.retrieve(made.id).cancelling_at


def test_cancelling_keeps_what_was_answered(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=3) as url, connect(url) as client:
        here = Project(url, client)
        made = here.batch(*(a_line(f"line-{number}") for number in range(8)))
        wait_for_progress(client, made, 2)
        assert here.run("cancel", made.id, "--yes").exit_code == 0
        ended = wait_for(client, made)
        said = here.run("show", made.id).output
    assert ended.status == "cancelled"
    assert ended.request_counts and 2 <= ended.request_counts.completed < 8
    assert f"{ended.request_counts.completed} answered" in said


def test_where_nobody_can_be_asked_nothing_is_cancelled(slow: Project) -> None:
    made = slow.batch()
    ended = slow.run("cancel", made.id)
    assert ended.exit_code == 2
    assert "--yes" in ended.stderr
    assert slow.client.batches.retrieve(made.id).cancelling_at is None


def test_a_batch_of_others_is_cancelled_only_when_that_is_said(slow: Project) -> None:
    ours, other = slow.batch(), slow.batch(ours=False)
    refused = slow.run("cancel", ours.id, other.id, "--yes")
    assert refused.exit_code == 2
    assert other.id in refused.stderr and "--foreign" in refused.stderr
    assert slow.client.batches.retrieve(ours.id).cancelling_at is None
    assert slow.run("cancel", other.id, "--yes", "--foreign").exit_code == 0
    assert slow.client.batches.retrieve(other.id).cancelling_at


def test_a_batch_that_has_ended_needs_no_cancelling(quick: Project) -> None:
    made = wait_for(quick.client, quick.batch())
    ended = quick.run("cancel", made.id)
    assert ended.exit_code == 0
    assert "there is nothing to cancel" in ended.output


def test_a_cancellation_that_fails_does_not_stop_the_others() -> None:
    def answer(asked: Asked) -> Reply:
        batch_id = asked.path.split("/")[3]
        if asked.method == "POST" and batch_id == "batch_1":
            return Reply({}, 501)
        return Reply({"id": batch_id, "status": "in_progress", "metadata": {"pressrun_key": KEY}})

    with serving(answer) as server:
        ended = Project(server.base_url, connect(server.base_url)).run("cancel", "batch_1", "batch_2", "--yes")
    assert ended.exit_code == 1
    assert "batch_1" in ended.stderr and "HTTP 501" in ended.stderr
    assert server.counts["POST /v1/batches/batch_2/cancel"] == 1


def test_what_a_crash_left_is_cleaned_and_nothing_else(slow: Project) -> None:
    left, older = slow.upload(), slow.upload(name=OLD_NAME)
    other = slow.upload(name="my-data.jsonl")
    in_use = slow.batch().input_file_id
    grow_old()
    ended = slow.run("clean", *SECOND, "--yes")
    assert ended.exit_code == 0
    assert "Deleted 2 files, " in ended.output and "Bytes" in ended.output
    assert "1 input file stays" in ended.output
    assert slow.files() == {other, in_use}
    assert left not in slow.files() and older not in slow.files()


def test_what_is_new_is_left_alone(slow: Project) -> None:
    left = slow.upload()
    ended = slow.run("clean", "--yes")
    assert ended.exit_code == 0
    assert "There is nothing to delete." in ended.output
    assert slow.files() == {left}


def test_cleaning_asks_first_and_a_dry_run_only_tells(slow: Project) -> None:
    left = slow.upload()
    grow_old()
    dry = slow.run("clean", *SECOND, "--dry-run", "--yes")
    assert (dry.exit_code, left in dry.output) == (0, True)
    assert slow.run("clean", *SECOND, answer="n\n").exit_code == 2
    assert slow.run("clean", *SECOND).exit_code == 2
    assert slow.files() == {left}
    assert slow.run("clean", *SECOND, answer="y\n").exit_code == 0
    assert slow.files() == set()


def test_answers_are_deleted_only_when_asked_for_and_after_a_warning(quick: Project) -> None:
    bad = a_line("bad", body={"model": "gpt-6-luna", "no_such_parameter": 1})
    ours = wait_for(quick.client, quick.batch(a_line(), bad, site="bakery"))
    other = wait_for(quick.client, quick.batch(ours=False, name="my-data.jsonl"))
    grow_old()
    assert quick.run("clean", *SECOND, "--yes").exit_code == 0
    kept = {ours.output_file_id, ours.error_file_id, other.input_file_id, other.output_file_id}
    assert quick.files() == kept
    ended = quick.run("clean", *SECOND, "--answers", "--yes")
    assert ended.exit_code == 0
    assert "would be lost, and paid again" in ended.output
    assert f"{ours.id}: 1 answer, bakery" in ended.output
    assert other.id not in ended.output
    assert quick.files() == {other.input_file_id, other.output_file_id}
    said = quick.run("show", ours.id).output
    assert "would be paid again" in said


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

    with serving(answer) as server:
        ended = Project(server.base_url, connect(server.base_url)).run("clean", "--yes")
    assert ended.exit_code == 0
    assert [asked.path for asked in server.asked if asked.method == "DELETE"] == ["/v1/files/file-2"]
    assert "a batch uses them by now" in ended.output


def test_a_deletion_that_fails_is_told_and_the_rest_goes_on() -> None:
    files = [{"id": f"file-{n}", "filename": OURS, "purpose": "batch", "bytes": 7, "created_at": 1} for n in (1, 2)]

    def answer(asked: Asked) -> Reply:
        if asked.method == "DELETE":
            return Reply({}, 403 if asked.path.endswith("file-1") else 200)
        return Reply({"data": files if asked.path.startswith("/v1/files") else []})

    with serving(answer) as server:
        ended = Project(server.base_url, connect(server.base_url)).run("clean", "--yes")
    assert ended.exit_code == 1
    assert "file-1" in ended.stderr
    assert "Deleted 1 file, 7 Bytes." in ended.output


@pytest.mark.parametrize("age", ["soon", "5", "-1h"])
def test_an_age_that_makes_no_sense_is_refused(age: str, quick: Project) -> None:
    ended = quick.run("clean", "--older-than", age)
    assert ended.exit_code == 2
    assert "--older-than" in ended.stderr


@pytest.mark.parametrize("command", [["list"], ["show", "batch_1"], ["cancel", "batch_1"], ["clean"]])
def test_a_provider_that_refuses_the_key_or_is_not_there_is_told_in_words(command: list[str]) -> None:
    with serving(lambda _asked: Reply({}, 401)) as server:
        refused = Project(server.base_url, connect(server.base_url)).run(*command)
    assert (refused.exit_code, "OPENAI_API_KEY" in refused.stderr) == (2, True)
    with serving(lambda _asked: Reply({}, 501)) as server:
        failing = Project(server.base_url, connect(server.base_url)).run(*command)
    assert (failing.exit_code, "HTTP 501" in failing.stderr) == (1, True)


def test_without_a_key_the_variable_is_named() -> None:
    ended = pressrun("batches", "list")
    assert ended.returncode == 2
    assert "OPENAI_API_KEY is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_text_of_others_does_not_reach_the_terminal_as_commands() -> None:
    record = {"id": "batch_1", "status": "\x1b[2Jdone", "metadata": {"pressrun_key": KEY, "sites": "[red]\x07"}}
    with serving(lambda asked: Reply({"data": [record]} if "?" in asked.path else record)) as server:
        here = Project(server.base_url, connect(server.base_url))
        said = here.run("list").output + here.run("show", "batch_1").output
    assert "\x1b" not in said and "\x07" not in said
    assert "[red]" in said


def test_the_help_names_the_commands() -> None:
    ended = CliRunner().invoke(app, ["batches"], env={**os.environ, "COLUMNS": "160"})
    assert all(command in ended.output for command in ("list", "show", "cancel", "clean"))
