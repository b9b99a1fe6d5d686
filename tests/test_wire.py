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
    [(0, 0, None), (7, 7, None), (-1, None, None), (True, None, None), (1.5, None, None), ("7", 7, "7"),
     (12.0, 12, None), ("12.0", 12, "12.0"), ("-3", None, "-3"), ("1" * 50, None, "1" * 50), ("nan", None, "nan"),
     (2**63, None, None), (float("inf"), None, None), ("", None, None), (None, None, None)],
)  # fmt: skip
def test_a_value_is_read_by_what_it_means(value: Any, count: int | None, text: str | None) -> None:
    assert wire.count(value) == count
    assert wire.text(value) == text


@pytest.mark.parametrize(
    ("value", "said"),
    [("batch_1", "batch_1"), (100, "100"), ({"id": 100}, "100"), ([{"id": "file-1"}], "file-1"), (["file-1"], "file-1"),
     ("", None), (0, None), (-1, None), (True, None), (1.5, None), (None, None), ({}, None), ([], None),
     (["file-1", "file-2"], None), ({"id": {"id": "x"}}, None), (10**50, None)],
)  # fmt: skip
def test_an_id_is_text_however_it_is_written(value: Any, said: str | None) -> None:
    assert wire.ident(value) == said


@pytest.mark.parametrize("seconds", [0, -5, None, "now", True, 1e300, float("nan")])
def test_what_no_calendar_has_is_no_time(seconds: Any) -> None:
    assert wire.moment(seconds) is None


@pytest.mark.parametrize(
    "written",
    [1_790_000_000, "1790000000", 1_790_000_000.0, 1_790_000_000_000, 1_790_000_000_000_000,
     1_790_000_000_000_000_000, "2026-09-21T14:13:20Z", "2026-09-21T14:13:20",
     "2026-09-21T16:13:20+02:00", "Mon, 21 Sep 2026 14:13:20 GMT", "Mon, 21 Sep 2026 14:13:20 -0000"],
)  # fmt: skip
def test_a_time_is_aware_utc_however_it_is_written(written: Any) -> None:
    assert wire.moment(written) == datetime.fromtimestamp(1_790_000_000, UTC)


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([{"a": 1}, None, 3], [{"a": 1}]),
        ({"data": [{"a": 1}]}, [{"a": 1}]),
        ({"data": None}, []),
        (None, []),
        ("x", []),
    ],
)
def test_the_rows_of_a_list_are_its_objects(value: Any, rows: Any) -> None:
    assert wire.rows(value) == rows


@given(ANYTHING)
def test_nothing_that_a_server_sends_makes_reading_fail(value: Any) -> None:
    assert isinstance(wire.mapping(value), dict)
    wire.moment(value)
    assert wire.ident(value) != ""
    counted = wire.count(value)
    assert counted is None or 0 <= counted <= wire.MOST
    wire.text(value)
    wire.rows(value)
    wire.moment(value)
