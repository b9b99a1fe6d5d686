"""CSV from any spreadsheet is read, and what we write is no formula to one."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.csvtext import csv_rows, csv_text


def cells(text: str) -> list[list[str]]:
    return [row.cells for row in csv_rows(text)]


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2;3\n",
        "a;b\n1;2;3\n".replace("2;3", '"2;3"'),
        "a\tb\n1\t2;3\n",
        "a|b\n1|2;3\n",
        "sep=,\na,b\n1,2;3\n",
        "SEP=\t\r\na\tb\r\n1\t2;3\r\n",
        '"sep=^"\na^b\n1^2;3\n',
        "\n\na,b\r1,2;3\r",
        'a, b\n1, "2;3"\n',
        "a,b\n , \n\n1,2;3\n,,,\n",
    ],
)
def test_the_cells_are_found_whatever_separates_them(text: str) -> None:
    assert cells(text) == [["a", "b"], ["1", "2;3"]]


def test_a_separator_within_quotes_does_not_count() -> None:
    assert cells('"a,b,c";d\n1;2\n') == [["a,b,c", "d"], ["1", "2"]]


def test_a_row_is_named_by_the_line_where_it_begins() -> None:
    assert [row.line for row in csv_rows('sep=;\na;b\n\n"1\n2";3\n4;5\n')] == [2, 4, 6]


def test_a_row_that_cannot_be_read_is_reported_and_those_below_it_are_read() -> None:
    faulty, good = [*csv_rows('a,b\n"1"x,2\n3,4\n')][1:]
    assert (faulty.line, faulty.cells, good.cells) == (2, [], ["3", "4"])
    assert "write a quote within a cell twice" in faulty.fault


def test_a_quote_that_is_never_closed_is_reported_where_it_is_opened() -> None:
    [_, good, faulty] = csv_rows('a,b\n1,2\n3,"4\n5,6\n')
    assert (good.cells, faulty.line) == (["1", "2"], 3)
    assert "never closed" in faulty.fault


@given(st.text(alphabet=st.sampled_from('ab,;\t|"\n\r =sep^\0茶'), max_size=60))
def test_whatever_a_file_holds_every_value_is_read_or_reported(text: str) -> None:
    rows = [*csv_rows(text)]
    assert all(row.fault or any(row.cells) for row in rows)
    assert bool(text.strip(',;\t|\n\r "^')) <= bool(rows) or "sep=" in text.lower()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "＠x", "-", "+", "\u202e=1"],
)
def test_no_cell_begins_a_formula(text: str) -> None:
    [row] = csv.DictReader(io.StringIO(csv_text(["a"], [{"a": text}])))
    assert row["a"].startswith("'")


@pytest.mark.parametrize(
    "value", [-5, Decimal("-0.25"), "-0.000000035", "+7", 1.5, None, "", "Nord", "a=b", "2026-11-23"]
)
def test_numbers_and_ordinary_text_stay_as_they_are(value: object) -> None:
    assert csv_text(["a", "b"], [{"a": value, "b": "x"}]) == f"a,b\n{'' if value is None else value},x\n"


@given(st.text(max_size=30))
def test_any_text_is_one_cell_that_is_no_formula(text: str) -> None:
    [_, row] = csv.reader(io.StringIO(csv_text(["a", "b"], [{"a": text, "b": "x"}]), newline=""))
    assert len(row) == 2
    assert not row[0].startswith(("=", "@", "\t", "\r"))


def test_csv_is_written_and_read_in_one_place() -> None:
    package = Path(__file__).parents[1]
    files = [file for room in ("pressrun", "tasks", "flows") for file in (package / room).rglob("*.py")]
    assert [file.name for file in files if "import csv\n" in file.read_text("utf-8")] == ["csvtext.py"]
