from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.calls import Usage
from pressrun.usage import BELIEVABLE, Reported, read_usage

LITELLM = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 1079, "input_tokens": 23, "output_tokens": 1056}


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 50}, Reported(Usage(input=100, output=50), True)),
        ({"prompt_tokens": 100.0, "completion_tokens": "50"}, Reported(Usage(input=100, output=50), True)),
        ({"input_tokens": 23, "output_tokens": 1056}, Reported(Usage(input=23, output=1056, output_image=1056), True)),
        (LITELLM, Reported(Usage(input=23, output=1056, output_image=1056), True)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 100},
          "total_tokens": 115}, Reported(Usage(input=10, output=105, reasoning=100), True)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 100}},
         Reported(Usage(input=10, output=105, reasoning=100), True)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8},
         Reported(Usage(input=10, output=5, cached=8), True)),
    ],
    ids=["openai", "other types of number", "images", "zeros beside the true figures", "reasoning beside it",
         "reasoning without a total", "cached tokens beside the total"],
)  # fmt: skip
def test_the_tokens_are_read_however_a_server_spells_them(usage: dict[str, Any], read: Reported) -> None:
    assert read_usage({"usage": usage}) == read


@pytest.mark.parametrize(
    ("usage", "at_least"),
    [
        (None, Reported(Usage(), False)),
        ({}, Reported(Usage(), False)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Reported(Usage(), False)),
        ({"prompt_tokens": 100}, Reported(Usage(input=100), False)),
        ({"total_tokens": 50}, Reported(Usage(output=50), False)),
        ({"prompt_tokens": 60, "completion_tokens": 14417.92}, Reported(Usage(input=60, output=14418), False)),
        ({"prompt_tokens": 2**63, "completion_tokens": 5}, Reported(Usage(output=5), False)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40},
         Reported(Usage(input=10, output=30), False)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 11}},
         Reported(Usage(input=10, output=5), False)),
    ],
    ids=["absent", "empty", "zeros", "half of it", "a total alone", "a fraction", "a number that nobody uses",
         "a total that is larger", "more cached than read"],
)  # fmt: skip
def test_what_is_missing_or_does_not_add_up_is_unknown(usage: Any, at_least: Reported) -> None:
    assert read_usage({"usage": usage}) == at_least


FIGURE = st.none() | st.integers(-3, 2**70) | st.floats() | st.text("0123456789.e-", max_size=20)
NAMES = ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"]
DETAILS = st.none() | st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens", "image_tokens"]), FIGURE)


@given(st.dictionaries(st.sampled_from(NAMES), FIGURE), DETAILS, DETAILS)
def test_any_figures_give_a_usage_within_bounds_and_never_below_what_was_said(told: Any, into: Any, out: Any) -> None:
    read = read_usage({"usage": {**told, "prompt_tokens_details": into, "completion_tokens_details": out}})
    usage = read.usage
    assert usage.cached + usage.cache_written <= usage.input <= BELIEVABLE
    assert usage.reasoning <= usage.output <= 3 * BELIEVABLE
    for name in ("prompt_tokens", "input_tokens"):
        if isinstance(told.get(name), int) and 0 <= told[name] <= BELIEVABLE:
            assert usage.input >= told[name]
    for name in ("completion_tokens", "output_tokens"):
        if isinstance(told.get(name), int) and 0 <= told[name] <= BELIEVABLE:
            assert usage.output >= told[name]
    assert not read.is_known or (usage.input and usage.output)
