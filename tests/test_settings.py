import os
from pathlib import Path

import pytest

from pressrun.cli.main import main
from pressrun.errors import Refused
from pressrun.settings import Settings, current_settings


def test_every_faulty_variable_is_named_and_no_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_REALTIME_TIMEOUT", "soon")
    monkeypatch.setenv("PRESSRUN_SITES_PER_YEAR", "-1")
    with pytest.raises(Refused) as refused:
        Settings()
    text = str(refused.value)
    assert "PRESSRUN_REALTIME_TIMEOUT: Input should be a valid integer" in text
    assert "PRESSRUN_SITES_PER_YEAR: Input should be greater than 0" in text
    assert "soon" not in text


def test_what_must_be_json_and_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_ENQUEUED_TOKENS", "two million")
    with pytest.raises(Refused, match="enqueued_tokens"):
        Settings()


def test_the_command_says_so_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESSRUN_REALTIME_TIMEOUT", "soon")
    monkeypatch.setattr("sys.argv", ["pressrun", "doctor"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "PRESSRUN_REALTIME_TIMEOUT" in said
    assert "Traceback" not in said


def test_queue_limits_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_ENQUEUED_TOKENS", '{"gpt-6-luna": 2000000}')
    assert Settings().enqueued_tokens == {"gpt-6-luna": 2_000_000}


def test_current_settings_follow_the_environment_and_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSRUN_SITES_PER_YEAR", "40")
    assert current_settings().sites_per_year == 40
    monkeypatch.setenv("PRESSRUN_SITES_PER_YEAR", "50")
    assert current_settings().sites_per_year == 50
    for number in (60, 61):
        (tmp_path / ".env").write_text(f"PRESSRUN_LONGEST_POLL={number}\n")
        os.utime(tmp_path / ".env", (number, number))
        assert current_settings().longest_poll == number
