import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun import untrusted
from pressrun.calls import Answer, MissingItem, Route, StepName
from pressrun.errors import CallFailed, PressrunError
from pressrun.progress import Note
from pressrun.untrusted import CONTROL, clean, clean_name, hide, redacted, redacted_json, short


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("a\x00b", "ab"), ("red \x1b[31m", "red [31m"), ("one\n\ttwo\r\n", "one\n\ttwo\n"), ("a\u202eb", "ab"),
     ("烏龍茶；紅茶", "烏龍茶；紅茶"), ("👩\u200d🍳", "👩\u200d🍳"), ("half \ud83d", "half ")],
)  # fmt: skip
def test_only_control_characters_go(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_name_has_nothing_that_cannot_be_seen() -> None:
    assert clean_name(" Acme\u200b\nBakery\u2060 ") == "Acme Bakery"


def test_a_secret_of_this_process_is_hidden_whatever_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "correct horse battery")
    assert redacted("refused: correct horse battery.") == "refused: [hidden]."


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Incorrect API key: sk-proj-1234567890abcdef.", "Incorrect API key: [hidden]"),
        ("Incorrect API key: sk-abc***wxyz", "Incorrect API key: [hidden]"),
        ("Authorization: Bearer eyJhbGciOi.J9.x-y_z", "Authorization: Bearer [hidden]"),
        ("http://user:pass@proxy.example:8080/v1", "http://[hidden]@proxy.example:8080/v1"),
        ("Please try again in 42s.", "Please try again in 42s."),
        ("sk-ing boots for skateboarding and skincare", "sk-ing boots for skateboarding and skincare"),
    ],
)
def test_keys_and_passwords_are_hidden(text: str, hidden: str) -> None:
    assert redacted(text).rstrip(".") == hidden.rstrip(".")


@given(st.text())
def test_any_text_becomes_storable(text: str) -> None:
    assert not CONTROL.search(clean(text))
    clean(text).encode()


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert short("a" * 600) == "a" * 499 + "…"
    assert short("a") == "a"


def test_a_secret_from_elsewhere_is_hidden_once_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "_hidden", set())
    assert redacted("refused: tea for two") == "refused: tea for two"
    hide("tea for two\n")
    assert redacted("refused: tea for two") == "refused: [hidden]"


def test_a_secret_is_hidden_in_every_part_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "correct horse")
    told = {"error": {"correct horse": ["no correct horse", 401, None]}}
    assert redacted_json(told) == {"error": {"[hidden]": ["no [hidden]", 401, None]}}


def test_json_that_is_nested_too_deeply_is_not_shown() -> None:
    nested: object = "sk-proj-1234567890"
    for _ in range(10_000):
        nested = [nested]
    assert "sk-proj" not in str(redacted_json(nested))


@pytest.mark.parametrize(
    "error", [PressrunError("no sk-proj-1234567890\x1b[2J"), CallFailed("no sk-proj-1234567890\x1b[2J", "401")]
)
def test_an_error_of_ours_quotes_neither_secrets_nor_control_characters(error: PressrunError) -> None:
    assert str(error) == "no [hidden][2J"


def test_what_a_call_failed_with_is_fit_to_be_stored() -> None:
    answer = Answer(call_id="a", route=Route.BATCH, error="no\x00 sk-proj-1234567890", code="\x00401")
    assert (answer.error, answer.code) == ("no [hidden]", "401")
    assert MissingItem(step=StepName.IMAGES, item="image-01", reason="no\x00").reason == "no"
    assert Note(text="\x1b]0;title\x07").text == "]0;title"
