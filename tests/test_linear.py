"""Twice the text takes twice the work: no file of a client and no reply of a model can hold up a fleet.

CPU time is compared with CPU time of the same process, for eight times the text: linear work grows to 8 times,
quadratic work to 64. The limit is three times the first and a third of the last, so a slow machine changes nothing.
"""

import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from pressrun.briefs import find_briefs
from pressrun.bundle.prose import plain_to_markdown
from pressrun.costs.usage_export import read_export
from pressrun.csvtext import csv_rows
from pressrun.errors import BadBrief, Refused
from pressrun.files import load_model
from pressrun.marked import read_marked
from pressrun.steps.checks import debris, reading_length
from pressrun.steps.replies import _bare
from pressrun.strategy import BatchStrategy

LESS, MORE = 4_000, 32_000
"""Characters."""


def cpu(work: Callable[[str], object], text: str) -> float:
    """The least CPU time of three tries, in seconds."""
    tries = []
    for _ in range(3):
        begin = time.process_time()
        work(text)
        tries.append(time.process_time() - begin)
    return min(tries)


def grows_too_fast(work: Callable[[str], object], piece: str) -> bool:
    less, more = (cpu(work, piece * (size // len(piece))) for size in (LESS, MORE))
    return more > 0.02 and more > 24 * less


@pytest.mark.parametrize("piece", ["{{", "{%", "{", "{{a}", "{%a%", "[YOUR", "[", "\n", "  \n", "<a", "lorem ", "```"])
def test_looking_for_debris_takes_as_long_as_the_text_is(piece: str) -> None:
    assert not grows_too_fast(debris, piece)


@pytest.mark.parametrize("piece", ["a-", "a'", "茶a", " ", "&#", "**a", "*", "\\"])
def test_counting_and_escaping_take_as_long_as_the_text_is(piece: str) -> None:
    assert not grows_too_fast(reading_length.__wrapped__, piece)
    assert not grows_too_fast(plain_to_markdown, piece)


@pytest.mark.parametrize("piece", ["a, ", "# x\n", "'a' ", "\n", "|\n x\n"])
@pytest.mark.parametrize("opening", ["", "{"])
def test_reading_a_brief_takes_as_long_as_it_is(piece: str, opening: str) -> None:
    assert not grows_too_fast(lambda text: read_marked(opening + text), piece)


def test_a_line_with_thousands_of_values_is_searched_for_a_swallowed_colour_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[str] = []
    monkeypatch.setattr("pressrun.marked.COLOUR_AS_COMMENT", Mock(search=searched.append))
    text = "{" + "a, " * 500 + "}"
    read_marked(text)
    assert searched == [text]


@pytest.mark.parametrize("piece", ["\n", " \n", "\n```", "```\n", "<think>", " "])
def test_looking_for_the_answer_within_a_reply_takes_as_long_as_it_is(piece: str) -> None:
    assert not grows_too_fast(lambda text: _bare(f"```{text}x"), piece)


def refused_export(text: str) -> None:
    with pytest.raises(Refused):
        read_export(text, "export.csv")


@pytest.mark.parametrize("piece", [",", '"', '"",', "a\n", ";", 'a"b,', "\n", "sep=,\n"])
def test_reading_csv_takes_as_long_as_it_is(piece: str) -> None:
    assert not grows_too_fast(lambda text: list(csv_rows(text)), piece)
    assert not grows_too_fast(refused_export, piece)


def test_a_file_of_thousands_of_unknown_fields_is_not_put_into_words_field_by_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("pressrun.files.get_close_matches", lambda *_, **__: asked.append(1) or [])
    (tmp_path / "x.yaml").write_text("".join(f"a{number}: 1\n" for number in range(5_000)))
    with pytest.raises(BadBrief, match="and 4900 more"):
        load_model(tmp_path / "x.yaml", BatchStrategy)
    assert len(asked) == 100


def test_a_file_with_more_values_than_any_brief_is_refused_before_it_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("{" + "a, " * 100_000 + "}")
    [fault] = find_briefs([str(tmp_path)]).faulty
    assert "more than 20,000 values" in str(fault)
