import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun import tokens
from pressrun.tokens import density_tokens, estimate_tokens
from tests.bundle.builder import make_site

TEXTS = {language: make_site(language).articles["article-01"].model_dump_json() for language in ("en-GB", "zh-TW")}


@pytest.mark.parametrize("language", TEXTS)
def test_the_density_is_within_a_third_of_what_o200k_counts(language: str) -> None:
    text = TEXTS[language]
    assert estimate_tokens(text) > 300
    assert density_tokens(text) == pytest.approx(estimate_tokens(text), rel=0.35)


def test_without_the_tokenizer_texts_are_estimated_by_their_density(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "bpe_openai", None)
    assert estimate_tokens(TEXTS["en-GB"]) == density_tokens(TEXTS["en-GB"])


def test_texts_are_counted_with_the_tokenizer_when_it_is_there() -> None:
    assert tokens.TOKENIZER == "o200k_base"
    assert estimate_tokens("hello world") == 2


def test_a_text_of_any_length_can_be_counted() -> None:
    assert estimate_tokens("word " * 300_000) == pytest.approx(300_000, rel=0.01)


def test_special_tokens_and_broken_characters_are_text_like_any_other() -> None:
    assert estimate_tokens("<|endoftext|>") > 1
    assert estimate_tokens("a\ud800b") > 1


def test_nothing_is_no_token_and_anything_is_at_least_one() -> None:
    assert density_tokens("") == estimate_tokens("") == 0
    assert density_tokens("a") == estimate_tokens("a") == 1
    assert density_tokens("茶館") == 2


@given(st.text(), st.text())
def test_a_text_that_grows_never_has_fewer_tokens_by_density_nor_more_than_its_parts(one: str, other: str) -> None:
    together = density_tokens(one + other)
    assert max(density_tokens(one), density_tokens(other)) <= together
    assert together <= density_tokens(one) + density_tokens(other)
