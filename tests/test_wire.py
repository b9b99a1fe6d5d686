from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun import wire

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "count", "text"),
    [(0, 0, None), (7, 7, None), (-1, None, None), (True, None, None), (1.5, None, None), ("7", None, "7"),
     ("", None, None), (None, None, None)],
)  # fmt: skip
def test_only_what_is_of_the_kind_is_there(value: Any, count: int | None, text: str | None) -> None:
    assert wire.count(value) == count
    assert wire.text(value) == text


@pytest.mark.parametrize("seconds", [0, -5, None, "now", True, 1e300, float("nan")])
def test_what_no_calendar_has_is_no_time(seconds: Any) -> None:
    assert wire.moment(seconds) is None


def test_unix_seconds_are_aware_utc() -> None:
    assert wire.moment(1_790_000_000) == datetime.fromtimestamp(1_790_000_000, UTC)


@given(ANYTHING)
def test_nothing_that_a_server_sends_makes_reading_fail(value: Any) -> None:
    assert isinstance(wire.mapping(value), dict)
    wire.count(value)
    wire.text(value)
    wire.moment(value)
