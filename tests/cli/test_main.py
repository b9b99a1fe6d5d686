"""The command as a user gives it: what it says and with which code it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from pressrun.brief import SiteBrief, load_brief
from pressrun.cli.main import COMMANDS, application
from pressrun.simulator import running_simulator
from tests.patience import HANG

EXAMPLES = Path(__file__).parents[2] / "examples"


def pressrun(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    command = [sys.executable, "-m", "pressrun", *arguments]
    return subprocess.run(
        command, env={**env, "COLUMNS": "160", **environment}, capture_output=True, text=True, timeout=HANG, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"pandas", "prefect", "openai", "pydantic", "bpe_openai"}),
        (["--version"], {"pandas", "prefect", "openai"}),
        (["forecast", str(EXAMPLES / "harbour-bakery.yaml")], {"pandas", "prefect", "bpe_openai", "flows", "tasks"}),
        (["doctor"], {"pandas", "prefect", "flows", "tasks"}),
        (["costs"], {"prefect", "openai", "flows", "tasks"}),
        (["params", str(EXAMPLES / "harbour-bakery.yaml")], {"pandas", "prefect", "openai"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs_and_nothing_else(
    tmp_path: Path, arguments: list[str], unwanted: set[str]
) -> None:
    ended = pressrun(*arguments, PYTHONPROFILEIMPORTTIME="1", PRESSRUN_STATE_DIR=str(tmp_path))
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in ended.stderr.splitlines()}
    assert "typer" in imported, ended.stderr
    assert imported & unwanted == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_help_of_each_says_first(name: str) -> None:
    command = typer.main.get_group(application(name)).commands[name]
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant() -> None:
    ended = pressrun("forcast")
    assert ended.returncode == 2
    assert "forecast" in ended.stderr


def test_faults_of_all_briefs_are_reported_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("name: A\narticle_count: 12\n")
    (tmp_path / "two.json").write_text('{"nmae": "B"}')
    ended = pressrun("build", str(tmp_path / "one.yaml"), str(tmp_path / "two.json"), str(tmp_path / "three.yaml"))
    assert ended.returncode == 2
    assert "one.yaml" in ended.stderr
    assert "line 2" in ended.stderr
    assert "nmae" in ended.stderr
    assert "three.yaml" in ended.stderr
    assert "nothing was spent" in ended.stderr.lower()
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--max-cost", "free"], ["--max-cost", "-1"], ["--max-wait", "soon"], ["--prefer", "luck"], ["--poll", "0"]],
)
def test_an_option_that_makes_no_sense_is_refused_with_code_2(arguments: list[str]) -> None:
    brief = str(EXAMPLES / "harbour-bakery.yaml")
    ended = CliRunner().invoke(application("build"), ["build", brief, *arguments], env={"COLUMNS": "160"})
    assert ended.exit_code == 2
    assert arguments[0] in ended.stderr


def test_a_forecast_needs_no_key_and_shows_route_and_reason() -> None:
    ended = pressrun("forecast", str(EXAMPLES / "harbour-bakery.yaml"), "--prefer", "cost")
    assert ended.returncode == 0, ended.stderr
    assert "09 articles" in ended.stdout
    assert "batch" in ended.stdout
    assert "100 such sites a year" in ended.stdout


def test_a_forecast_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    ended = pressrun("forecast", str(EXAMPLES / "harbour-bakery.yaml"), "--csv", str(tmp_path / "gone" / "plan.csv"))
    assert ended.returncode == 2
    assert "plan.csv could not be written: No such file or directory" in ended.stderr


@pytest.mark.parametrize(
    ("options", "environment", "reason"),
    [
        (["--max-cost", "0.01"], {}, "above the cap of $0.01"),
        ([], {"PRESSRUN_IMAGE_MODEL": "gpt-image-1"}, "shut down"),
        ([], {"PRESSRUN_TEXT_MODEL": "unheard-of"}, "unheard-of"),
        (["--out", "nowhere://sites"], {}, "unknown storage nowhere://"),
        ([], {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "cannot be reached"),
        (["--simulate"], {"PREFECT_API_URL": "http://127.0.0.1:1/api"}, "The Prefect server at http://127.0.0.1:1/api"),
        ([], {"HTTPS_PROXY": "'http://proxy.example'"}, "HTTPS_PROXY is in quotes"),
        (["--simulate"], {"PREFECT_API_URL": "http://[::1"}, "PREFECT_API_URL is http://[::1, which is no address"),
        ([], {"OPENAI_CUSTOM_HEADERS": "X-A: \u201cb\u201d"}, "OPENAI_CUSTOM_HEADERS has a character"),
    ],
    ids=[
        "above the cap",
        "retired model",
        "no price",
        "no such destination",
        "no provider",
        "no Prefect server",
        "no proxy",
        "no address of Prefect",
        "no header",
    ],
)
def test_what_can_be_refused_is_refused_before_prefect_is_imported(
    tmp_path: Path, options: list[str], environment: dict[str, str], reason: str
) -> None:
    given = {"PRESSRUN_STATE_DIR": str(tmp_path), "PRESSRUN_REALTIME_RETRIES": "0", "PYTHONPROFILEIMPORTTIME": "1"}
    ended = pressrun("build", str(EXAMPLES / "harbour-bakery.yaml"), *options, **given, **environment)
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert ended.returncode == 2
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "openai" in imported
    assert "prefect" not in imported


@pytest.mark.parametrize(
    ("command", "variable", "fault"),
    [
        (["build", str(EXAMPLES / "harbour-bakery.yaml"), "--simulate"], "PREFECT_CLIENT_CUSTOM_HEADERS", "JSON is"),
        (["webhooks"], "PREFECT_LOGGING_LEVEL", "Input should be 'DEBUG'"),
    ],
    ids=["no JSON", "no level"],
)
def test_a_setting_that_prefect_cannot_use_is_refused_without_its_value(
    tmp_path: Path, command: list[str], variable: str, fault: str
) -> None:
    ended = pressrun(*command, PRESSRUN_STATE_DIR=str(tmp_path), **{variable: "LOUD"})
    assert ended.returncode == 2
    assert f"{variable}: {fault}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "LOUD" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("below", ["", "state"], ids=["a file", "below a file"])
@pytest.mark.parametrize(
    "command",
    [
        ["build", str(EXAMPLES / "harbour-bakery.yaml"), "--simulate"],
        ["up"],
        ["down"],
        ["webhooks"],
        ["approve", str(uuid4())],
    ],
    ids=lambda command: command[0],
)
def test_a_state_folder_that_cannot_be_is_refused_by_its_name(tmp_path: Path, command: list[str], below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    ended = pressrun(*command, PRESSRUN_STATE_DIR=str(tmp_path / "file" / below))
    assert ended.returncode == 2
    assert f"PRESSRUN_STATE_DIR cannot be {tmp_path / 'file' / below}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_briefs_with_one_slug_are_refused(tmp_path: Path) -> None:
    brief = str(EXAMPLES / "harbour-bakery.yaml")
    ended = pressrun("build", brief, brief)
    assert ended.returncode == 2
    assert "slug" in ended.stderr


def test_a_brief_file_becomes_parameters_of_the_deployment_with_nothing_that_was_not_given() -> None:
    ended = pressrun("params", str(EXAMPLES / "harbour-bakery.yaml"))
    assert ended.returncode == 0, ended.stderr
    brief = json.loads(ended.stdout)["brief"]
    assert SiteBrief.model_validate(brief) == load_brief(EXAMPLES / "harbour-bakery.yaml")
    assert None not in brief.values()


def test_the_doctor_names_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=1) as base_url:
        ended = pressrun("doctor", OPENAI_BASE_URL=base_url, OPENAI_API_KEY="sk-test-of-the-doctor")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "SIMULATED" in ended.stdout
    assert "gpt-6-luna" in ended.stdout
    assert "sk-test-of-the-doctor" not in ended.stdout


def test_the_doctor_refuses_a_retired_model() -> None:
    ended = pressrun("doctor", PRESSRUN_IMAGE_MODEL="gpt-image-1")
    assert ended.returncode == 2
    assert "2026-10-23" in ended.stdout
