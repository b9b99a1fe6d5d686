import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.tokens import estimate_tokens
from tests.bundle.builder import make_site

TEXTS = {language: make_site(language).articles["article-01"].model_dump_json() for language in ("en-GB", "zh-TW")}


@pytest.mark.parametrize("language", TEXTS)
def test_an_estimate_is_within_a_third_of_what_o200k_counts(language: str) -> None:
    bpe = pytest.importorskip("bpe_openai")
    text = TEXTS[language]
    counted = len(bpe.get_encoding("o200k_base").encode(text))
    assert counted > 300
    assert estimate_tokens(text) == pytest.approx(counted, rel=0.35)


def test_nothing_is_no_token_and_anything_is_at_least_one() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("茶館") == 2


@given(st.text(), st.text())
def test_a_text_that_grows_never_has_fewer_tokens_nor_more_than_its_parts(one: str, other: str) -> None:
    together = estimate_tokens(one + other)
    assert max(estimate_tokens(one), estimate_tokens(other)) <= together
    assert together <= estimate_tokens(one) + estimate_tokens(other)
