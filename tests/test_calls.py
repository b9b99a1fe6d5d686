from hypothesis import given
from hypothesis import strategies as st
from slugify import slugify

from pressrun.calls import SLUG, Usage
from tests.calls_builder import a_call


def test_the_same_request_has_the_same_key_whatever_the_order_of_its_fields() -> None:
    call = a_call()
    reordered = a_call(body=dict(reversed(list(call.body.items()))))
    assert call.key == reordered.key
    assert call.id == reordered.id


def test_another_prompt_makes_another_key_and_id() -> None:
    assert a_call(prompt="Write.").key != a_call(prompt="Write!").key
    assert a_call(prompt="Write.").id != a_call(prompt="Write!").id


@given(site=st.text(min_size=1, max_size=80), item=st.text(min_size=1, max_size=200))
def test_an_id_is_ascii_and_at_most_64_long_for_any_names(site: str, item: str) -> None:
    identity = a_call(item, site=site).id
    assert identity.isascii()
    assert 9 <= len(identity) <= 64


def test_usage_of_a_chat_reply_is_read_with_its_parts() -> None:
    usage = Usage.from_body(
        {
            "usage": {
                "prompt_tokens": 1200,
                "completion_tokens": 300,
                "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 7},
                "completion_tokens_details": {"reasoning_tokens": 120},
            }
        }
    )
    assert usage == Usage(input=1200, cached=1024, cache_written=7, output=300, reasoning=120)


def test_usage_of_an_image_reply_counts_its_output_as_image_when_it_is_not_told_apart() -> None:
    usage = Usage.from_body(
        {"usage": {"input_tokens": 60, "output_tokens": 1056, "input_tokens_details": {"text_tokens": 60}}}
    )
    assert usage == Usage(input=60, output=1056, output_image=1056)


def test_a_reply_without_usage_used_nothing_that_we_can_know() -> None:
    assert Usage.from_body({"choices": [], "usage": None}) == Usage()


def test_a_usage_that_makes_no_sense_counts_as_nothing_and_breaks_no_ledger() -> None:
    assert Usage.from_body({"usage": "lots"}) == Usage()
    odd = {
        "prompt_tokens": "many",
        "completion_tokens": -3,
        "prompt_tokens_details": [],
        "completion_tokens_details": 1,
    }
    assert Usage.from_body({"usage": odd}) == Usage()


@given(st.from_regex(SLUG, fullmatch=True))
def test_a_name_that_is_a_slug_is_left_as_it_is(name: str) -> None:
    """The short cut of `Call.id` rests on it."""
    assert slugify(name) == name
