from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.reasons import is_error, is_retryable, reason
from pressrun.untrusted import CONTROL


@pytest.mark.parametrize(
    ("told", "message", "code"),
    [
        ({"error": {"message": "Too long", "type": "invalid_request_error", "code": "string_too_long"}}, "Too long",
         "string_too_long"),
        ({"object": "error", "message": "Too long", "type": "BadRequestError", "code": 400}, "Too long", "400"),
        ("upstream timed out", "upstream timed out", None),
        ({"error": "model overloaded"}, "model overloaded", None),
        ({"detail": [{"loc": ["body", "n"], "msg": "field required", "type": "missing"}]}, "field required", "missing"),
        ({"detail": "Input file not found"}, "Input file not found", None),
        ({"code": 400, "message": "Bad Request", "errors": [{"message": "no such model"}]}, "no such model", "400"),
        ([{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}], "Quota", "429"),
        ({"error": {"message": "Insufficient credits", "code": 402}, "choices": None}, "Insufficient credits", "402"),
        ({"title": "Forbidden", "status": 403}, "Forbidden", "403"),
        ({"error": {"message": "", "code": ""}}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_the_words_are_found_wherever_a_server_puts_them(told: Any, message: str | None, code: str | None) -> None:
    assert reason(told) == (message, code)


def test_the_words_carry_no_key_and_no_control_character() -> None:
    told = {
        "error": {
            "message": "Incorrect API key provided: sk-proj-abc123DEF.\x1b[2J\x00 See \u202ehttps://u:p@x.example"
        }
    }
    assert reason(told).message == "Incorrect API key provided: [hidden].[2J See https://[hidden]@x.example"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "code", "detail", "x"]), inner)
    ),
)


@given(JSON)
def test_any_json_is_read_as_short_clean_words(told: Any) -> None:
    for said in reason(told):
        assert said is None or (said and len(said) <= 500 and not CONTROL.search(said))


@pytest.mark.parametrize(
    ("code", "status", "words", "is_again"),
    [
        ("unknown", 200, "Insufficient credits. Add some at the dashboard.", False),
        ("unknown", 402, None, False),
        ("402", 200, "Payment", False),
        ("429", 200, "Busy", True),
        ("unknown", 503, "Busy", True),
    ],
)
def test_what_only_a_payment_can_fix_is_not_asked_again(
    code: str, status: int, words: str | None, is_again: bool
) -> None:
    assert is_retryable(code, status, words) is is_again


def test_an_error_in_place_of_a_choice_is_an_error() -> None:
    body = {"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "Idle"}, "message": None}]}
    assert is_error(body)
    assert not is_error({"choices": [{"finish_reason": "stop", "error": None}]})
    assert not is_error({"choices": [None]})
