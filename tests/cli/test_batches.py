"""`pressrun batches` as a person gives it, against the simulator and against servers that fail."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pressrun.cli.main import application
from tests.cli.batches_project import KEY, OURS, Project, at, simulated
from tests.cli.test_main import pressrun
from tests.routes.raw_server import Asked, Reply, serving
from tests.simulator.clock import Clock
from tests.simulator.driving import a_line, wait_for, wait_for_progress


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Project]:
    """Batches end within moments."""
    with simulated(tmp_path, batch_seconds=0.1) as project:
        yield project


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Project]:
    """Batches do not end within a test."""
    with simulated(tmp_path, batch_seconds=86_400) as project:
        yield project


def test_an_empty_project_is_said_to_be_empty(quick: Project) -> None:
    ended = quick.run("list")
    assert ended.exit_code == 0
    assert "This project has no Pressrun batches." in ended.output


def test_the_list_shows_ours_newest_first_and_counts_the_others(slow: Project) -> None:
    first, second = slow.batch(site="bakery"), slow.batch(site="florist", run="0f5e77aa-run")
    slow.batch(ours=False)
    said = slow.run("list").output
    assert said.index(second.id) < said.index(first.id)
    assert "florist" in said and "0f5e77aa" in said
    assert "2 batches, 2 live." in said
    assert "Not shown: 1 batch not created by Pressrun." in said


def test_the_list_can_be_narrowed_by_site_run_and_state(slow: Project) -> None:
    bakery, florist = slow.batch(site="bakery"), slow.batch(site="florist", run="run-2")
    assert florist.id not in slow.run("list", "--site", "bakery").output
    assert bakery.id not in slow.run("list", "--run", "run-2").output
    assert florist.id in slow.run("list", "--run", "run-2", "--live").output
    assert "no Pressrun batches that match" in slow.run("list", "--site", "winery").output


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
    with serving(lambda _asked: Reply({"data": page, "has_more": True})) as server, at(server.base_url) as here:
        ended = here.run("list")
    assert ended.exit_code == 0
    assert "were checked; older ones may exist" in ended.output


def test_one_batch_is_shown_with_its_files_and_its_end(quick: Project) -> None:
    made = wait_for(quick.client, quick.batch(site="bakery"))
    quick.client.files.delete(made.input_file_id)
    said = quick.run("show", made.id).output
    assert "completed" in said and "Pressrun" in said and KEY in said and "run-1" in said
    assert "1 answered, 0 failed, 1 in total" in said
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
    assert "kept and billed" in declined.output and "The next run of the same brief collects them" in declined.output
    assert "Nothing was changed." in declined.stderr
    assert slow.client.batches.retrieve(made.id).cancelling_at is None
    agreed = slow.run("cancel", made.id, answer="y\n")
    assert agreed.exit_code == 0
    assert f"{made.id} is cancelling" in agreed.output
    assert slow.client.batches.retrieve(made.id).cancelling_at


def test_cancelling_keeps_what_was_answered(tmp_path: Path, clock: Clock) -> None:
    with simulated(tmp_path, batch_seconds=100) as here:
        made = here.batch(*(a_line(f"line-{number}") for number in range(8)))
        clock.advance(30)
        wait_for_progress(here.client, made, 2)
        assert here.run("cancel", made.id, "--yes").exit_code == 0
        clock.advance(10)
        ended = wait_for(here.client, made)
        said = here.run("show", made.id).output
    assert ended.status == "cancelled"
    assert ended.request_counts and ended.request_counts.completed == 2
    assert "2 answered" in said


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

    with serving(answer) as server, at(server.base_url) as here:
        ended = here.run("cancel", "batch_1", "batch_2", "--yes")
    assert ended.exit_code == 1
    assert "batch_1" in ended.stderr and "HTTP 501" in ended.stderr
    assert server.counts["POST /v1/batches/batch_2/cancel"] == 1


@pytest.mark.parametrize("command", [["list"], ["show", "batch_1"], ["cancel", "batch_1"], ["clean"]])
def test_a_provider_that_refuses_the_key_or_is_not_there_is_told_in_words(command: list[str]) -> None:
    with serving(lambda _asked: Reply({}, 401)) as server, at(server.base_url) as here:
        refused = here.run(*command)
    assert (refused.exit_code, "OPENAI_API_KEY" in refused.stderr) == (2, True)
    with serving(lambda _asked: Reply({}, 501)) as server, at(server.base_url) as here:
        failing = here.run(*command)
    assert (failing.exit_code, "HTTP 501" in failing.stderr) == (1, True)


def test_without_a_key_the_variable_is_named() -> None:
    ended = pressrun("batches", "list")
    assert ended.returncode == 2
    assert "OPENAI_API_KEY is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_text_of_others_does_not_reach_the_terminal_as_commands() -> None:
    record = {"id": "batch_1", "status": "\x1b[2J\x9b2Jdone", "metadata": {"pressrun_key": KEY, "sites": "[red]\x07"}}
    with (
        serving(lambda asked: Reply({"data": [record]} if "?" in asked.path else record)) as server,
        at(server.base_url) as here,
    ):
        commands = (["list"], ["show", "batch_1"], ["list", "--json"], ["show", "batch_1", "--json"])
        said = "".join(here.run(*command).output for command in commands)
    assert not {"\x1b", "\x9b", "\x07"} & set(said)
    assert "[red]" in said


def test_the_help_names_the_commands() -> None:
    ended = CliRunner().invoke(application("batches"), ["batches"], env={**os.environ, "COLUMNS": "160"})
    assert all(command in ended.output for command in ("list", "show", "cancel", "clean"))
