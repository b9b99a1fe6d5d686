"""CSV as spreadsheets write it, and as they may safely read it.

Invariant: every row with a value is read or reported, and no cell that we write is a formula to a spreadsheet.

In most of Europe Excel separates cells by semicolons, and its "Unicode text" has tabs; a first line `sep=;` is its own
way to name the separator. A cell that begins with =, +, -, @, a tab or a line end can be a formula; the full-width
forms count for Excel in Chinese and Japanese (owasp.org/www-community/attacks/CSV_Injection).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pressrun.untrusted import clean

__all__ = ["CsvRow", "csv_rows", "csv_text"]

SEPARATORS = ",;\t|"
"""The first wins a tie."""
NAMED_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t| ]*', re.IGNORECASE)
QUOTED = re.compile(r'"[^"]*"')
FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


class CsvRow(NamedTuple):
    """One row of a CSV text."""

    line: int
    """Where it begins, counted from 1."""
    cells: list[str]
    fault: str = ""
    """Why the row could not be read; it then has no cells."""


def csv_rows(text: str) -> Iterator[CsvRow]:
    """Every row with a value, the head first, whatever separates its cells."""
    lines = io.StringIO(text, newline="")
    passed, head = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), (0, ""))
    named = NAMED_SEPARATOR.fullmatch(head.rstrip("\r\n"))
    if not named:
        passed = lines.seek(0)
    separator = named[1] if named else max(SEPARATORS, key=QUOTED.sub("", head).count)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    while True:
        line = passed + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvRow(line, [], _in_plain_words(str(error)))
            continue
        if any(map(str.strip, cells)):
            yield CsvRow(line, cells)


def _in_plain_words(problem: str) -> str:
    if "unexpected end" in problem:
        return "a quote opened in this row is never closed; this row and all below it were not read"
    if "expected after" in problem:
        return 'text after a closing quote; write a quote within a cell twice ("")'
    return f"cannot be read ({problem})"


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows below a head of `columns`. Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _inert(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean(value)
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text
