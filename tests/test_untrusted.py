import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.untrusted import CONTROL, clean, clean_name, redacted, short


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
        ("sk-ing boots", "sk-ing boots"),
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
