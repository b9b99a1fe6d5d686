import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.cli.main import main
from pressrun.errors import ProviderUnfit, Refused
from pressrun.settings import Settings, current_settings, spare_simulator


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
    with pytest.raises(Refused, match=r'PRESSRUN_ENQUEUED_TOKENS is not JSON\. Write it like \{"gpt') as refused:
        Settings()
    assert "million" not in str(refused.value)


@pytest.mark.parametrize("value", ["{", "[" * 100_000, "[]", "3", '{"gpt-6-luna": -1}'])
def test_a_setting_of_faulty_json_does_not_hide_other_faults(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PRESSRUN_ENQUEUED_TOKENS", value)
    monkeypatch.setenv("PRESSRUN_REALTIME_TIMEOUT", "soon")
    with pytest.raises(Refused, match=r"PRESSRUN_REALTIME_TIMEOUT[\s\S]*PRESSRUN_ENQUEUED_TOKENS"):
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


@pytest.mark.parametrize("value", ["sk-test\n", "  sk-test", "sk-test\r\n", "\tsk-test "])
def test_white_space_around_a_value_is_taken_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    monkeypatch.setenv("OPENAI_BASE_URL", " https://api.example.com/v1/\n")
    monkeypatch.setenv("PRESSRUN_TEXT_MODEL", "gpt-6-luna\n")
    settings = Settings(_env_file=None)
    assert settings.openai_api_key
    assert settings.openai_api_key.get_secret_value() == "sk-test"
    assert (settings.openai_base_url, settings.text_model) == ("https://api.example.com/v1", "gpt-6-luna")


def test_a_blank_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PRESSRUN_TEXT_MODEL", "PRESSRUN_ENQUEUED_TOKENS"):
        monkeypatch.setenv(name, " \n")
    (tmp_path / ".env").write_text("PRESSRUN_TEXT_MODEL=gpt-5.1\n")
    settings = Settings()
    assert settings.openai_api_key is None
    assert settings.openai_base_url == "https://api.openai.com/v1"
    assert settings.text_model == "gpt-5.1"


@pytest.mark.parametrize(
    ("key", "position"),
    [
        ("\u201csk-hush\u201d", 1),
        ('"sk-hush"', 1),
        ("'sk-hush'", 1),
        ("sk-hu sh", 6),
        ("sk-h\u00fcsh", 5),
        ("sk-hu\nsh", 6),
    ],
)
def test_a_key_that_no_header_can_hold_is_refused_and_not_told(
    monkeypatch: pytest.MonkeyPatch, key: str, position: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(
        Refused, match=rf"OPENAI_API_KEY has a character that no key has \(position {position}\)"
    ) as said:
        Settings()
    assert "hush" not in str(said.value)
    assert "sk-h" not in str(said.value)


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("api.example.com/v1", "begins with http:// or https://"),
        ("ftp://api.example.com/v1", "begins with http:// or https://"),
        ("https:///v1", "begins with http:// or https://"),
        ("https://api.example.com:99999/v1", "begins with http:// or https://"),
        ("https://api.example.com:port/v1", "begins with http:// or https://"),
        ("https://[::1/v1", "begins with http:// or https://"),
        ("https://api.example.com/v 1", "begins with http:// or https://"),
        ("https://\u00e4pi.example.com/v1", "begins with http:// or https://"),
        ('"https://api.example.com/v1"', "is in quotes"),
        ("\u201chttps://api.example.com/v1\u201d", "is in quotes"),
        ("https://api.example.com/v1?api-version=1", "has a part after"),
        ("https://api.example.com/v1#here", "has a part after"),
        ("https://ann:hush@api.example.com/v1", "contains a user name or password"),
        ("https://hush@api.example.com/v1", "contains a user name or password"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, address: str, fault: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(Refused, match=r"OPENAI_BASE_URL ") as said:
        Settings()
    assert fault in str(said.value)
    assert "hush" not in str(said.value)


@pytest.mark.parametrize(
    "address", ["http://localhost:8080", "http://[::1]:8080/v1", "https://r.openai.azure.com/openai/v1"]
)
def test_an_odd_address_that_can_be_used_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    assert Settings(_env_file=None).openai_base_url == address


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_any_text_as_key_and_address_is_taken_or_refused(text: str) -> None:
    for name in ("openai_api_key", "openai_base_url"):
        with suppress(Refused):
            value = getattr(Settings(_env_file=None, **{name: text}), name)
            assert str(value.get_secret_value() if name == "openai_api_key" else value).isascii()


def test_a_file_with_a_byte_order_mark_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes("\ufeffPRESSRUN_SITES_PER_YEAR=7\r\n".encode())
    assert Settings().sites_per_year == 7


@pytest.mark.parametrize(
    "content",
    ["OPENAI_API_KEY=sk-a\n".encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")]
    + ["# caf\u00e9\nOPENAI_API_KEY=sk-a\n".encode("latin-1")],
)
def test_a_file_in_another_encoding_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(Refused, match=r"/\.env cannot be read as UTF-8"):
        Settings()


def test_a_file_that_may_not_be_read_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    # No mode keeps root from reading a file.
    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(Refused, match=r"/\.env cannot be read \(Permission denied\)"):
        Settings()


def test_a_named_pipe_is_refused_and_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / ".env")
    for read in (Settings, current_settings, spare_simulator):
        with pytest.raises(Refused, match=r"/\.env is a named pipe"):
            read()


def test_a_folder_in_place_of_the_file_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").mkdir()
    assert Settings().sites_per_year == 100


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_simulated_run_does_without_a_key_and_an_address_that_nobody_could_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    faulty = {"OPENAI_API_KEY": "sk-\u201chush", "OPENAI_BASE_URL": "api.example.com"}
    for name, value in faulty.items():
        # Set first, so that it is as before after the test.
        monkeypatch.setenv(name, value if place == "environment" else "")
    if place == "file":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in faulty.items()))
    with pytest.raises(Refused):
        Settings()
    spare_simulator()
    assert Settings().openai_base_url == "https://api.openai.com/v1"


def test_a_simulated_run_leaves_a_key_and_an_address_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.example.com/v1")
    spare_simulator()
    assert (os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"]) == ("sk-mine", "https://api.example.com/v1")


def released(settings: Settings) -> str:
    assert settings.openai_api_key
    return settings.release(settings.openai_api_key).get_secret_value()


@pytest.mark.parametrize(
    "file",
    [
        "OPENAI_BASE_URL=https://evil.example/v1",
        "openai_base_url=https://evil.example/v1",
        "OPENAI_BASE_URL=https://evil.example/v1\nOPENAI_API_KEY=${OPENAI_API_KEY}",
        "OPENAI_BASE_URL=https://evil.example/v1\nOPENAI_API_KEY=sk-other",
    ],
)
def test_a_key_of_the_environment_does_not_go_to_an_address_of_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    (tmp_path / ".env").write_text(file)
    with pytest.raises(ProviderUnfit, match=r"OPENAI_BASE_URL is set in \.env and the key is not"):
        released(Settings())
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    assert released(Settings()) == "sk-mine"


def test_another_secret_of_the_environment_does_not_go_there_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUD_SECRET", "hush-hush")
    for file in (
        "OPENAI_BASE_URL=https://evil.example/v1\nOPENAI_API_KEY=${CLOUD_SECRET}",
        "OPENAI_BASE_URL=https://evil.example/${CLOUD_SECRET}/v1\nOPENAI_API_KEY=sk-a",
    ):
        (tmp_path / ".env").write_text(file)
        with pytest.raises(ProviderUnfit, match="OPENAI_BASE_URL"):
            released(Settings())


@pytest.mark.parametrize(
    "file", ["OPENAI_BASE_URL=https://api.example.com/v1\nOPENAI_API_KEY=sk-file", "OPENAI_API_KEY=sk-file"]
)
def test_a_key_goes_to_the_address_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(file)
    assert released(Settings()) == "sk-file"


def test_openais_own_address_is_nobody_elses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=https://api.openai.com/v1/\n")
    assert released(Settings()) == "sk-mine"
