from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.briefs import load_briefs
from pressrun.steps import CONFIG, Order
from pressrun.steps.vision import text_and_image_tokens
from pressrun.tokens import estimate_tokens
from tests.bundle.builder import make_site

ARTICLES = {language: make_site(language).articles["article-01"].model_dump_json() for language in ("en-GB", "zh-TW")}
MODELS = {"text_model": "gpt-6-luna", "image_model": "gpt-image-2.5-flare", "image_quality": "medium"}
PROMPTS = {
    brief.slug: text_and_image_tokens(CONFIG.calls(Order(brief=brief, **MODELS))[0])[0]
    for brief in load_briefs([Path("examples")])
}


@pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", [*ARTICLES, *PROMPTS])
def test_the_estimate_is_within_an_eighth_of_what_o200k_counts(name: str) -> None:
    import bpe_openai

    text = (ARTICLES | PROMPTS)[name]
    counted = len(bpe_openai.get_encoding("o200k_base").encode(text))
    assert counted > 300
    assert estimate_tokens(text) == pytest.approx(counted, rel=1 / 8)


def test_nothing_is_no_token_and_anything_is_at_least_one() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("茶館") == 2


def test_half_a_surrogate_pair_which_json_may_hold_is_counted_like_any_character() -> None:
    assert estimate_tokens("a\ud800b") == 1


@given(st.text(), st.text())
def test_a_text_that_grows_never_has_fewer_tokens_nor_more_than_its_parts(one: str, other: str) -> None:
    together = estimate_tokens(one + other)
    assert max(estimate_tokens(one), estimate_tokens(other)) <= together
    assert together <= estimate_tokens(one) + estimate_tokens(other)
