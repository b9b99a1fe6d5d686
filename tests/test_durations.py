import json
from datetime import timedelta
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pressrun.durations import Duration, parse_duration, read_seconds, say_duration


class Waiting(BaseModel):
    wait: Duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("6_hours", timedelta(hours=6)),
        ("6h", timedelta(hours=6)),
        ("90m", timedelta(minutes=90)),
        ("PT6H", timedelta(hours=6)),
        ("1 day", timedelta(days=1)),
        ("1.5h", timedelta(minutes=90)),
        ("2h30m", timedelta(minutes=150)),
        ("2 days", timedelta(days=2)),
        ("7D", timedelta(days=7)),
        ("1 week", timedelta(weeks=1)),
        ("P1DT2H", timedelta(hours=26)),
        (" 30s ", timedelta(seconds=30)),
        (timedelta(seconds=5), timedelta(seconds=5)),
    ],
)
def test_durations_are_read_as_people_write_them(text: object, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("value", [6, 6.5, "6", "6.5", "", "soon", "NaT", None, True, [], timedelta(0), "-1h", "0h"])
def test_what_has_no_unit_no_length_or_no_sense_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@given(st.text())
def test_any_text_is_a_positive_duration_or_a_value_error(text: str) -> None:
    try:
        assert parse_duration(text) > timedelta(0)
    except ValueError as error:
        assert "duration" in str(error)


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=10_000)))
def test_a_duration_survives_being_written_as_json_and_read_again(duration: timedelta) -> None:
    written = Waiting(wait=duration).model_dump_json()
    assert Waiting.model_validate_json(written).wait == duration


def test_json_has_iso_8601() -> None:
    assert json.loads(Waiting(wait="90m").model_dump_json()) == {"wait": "PT1H30M"}


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(hours=6), "6 hours"),
        (timedelta(minutes=90), "1 hour and 30 minutes"),
        (timedelta(days=1), "1 day"),
        (timedelta(seconds=5), "5 seconds"),
    ],
)
def test_durations_are_said_as_people_say_them(duration: timedelta, said: str) -> None:
    assert say_duration(duration) == said


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("42", 42),
        (" 0.5 ", 0.5),
        ("-3", -3),
        ("42s", 42),
        ("1m30s", 90),
        ("1m2.5s", 62.5),
        ("1h2m", 3_720),
        ("350ms", 0.35),
        ("6ms", 0.006),
        ("1s500ms", 1.5),
        ("26 seconds", 26),
        ("1 Minute", 60),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("ms", None),
        ("1m" * 50, None),
    ],
)
def test_pauses_are_read_as_providers_write_them(told: str, seconds: float | None) -> None:
    assert read_seconds(told) == (pytest.approx(seconds) if seconds is not None else None)


@given(st.text(st.sampled_from("0123456789.hms -")) | st.text())
def test_any_text_is_a_pause_or_none(told: str) -> None:
    assert not isnan(read_seconds(told) or 0)
