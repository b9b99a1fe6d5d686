"""The report as Markdown and as a table, for Prefect artifacts.

Invariant: Markdown rounds for readability and says so, the table has every digit; text that a person or a model wrote
is always escaped.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pressrun.costs.chart import data_uri
from pressrun.costs.money import all_places, percent
from pressrun.costs.report import LINE, CostReport
from pressrun.costs.sections import SIMULATED, SIMULATED_NOTE, Section, Table, headline, sections
from pressrun.plaintext import as_markdown

__all__ = ["to_markdown", "to_table"]

COUNTS = {"calls": "calls", "input": "tokens in", "cached": "cached", "output": "tokens out"}
SUMS = {"usd": "cost USD", "realtime_usd": "in real time USD", "saving_usd": "saved USD"}
"""Columns of the table with their headings."""
FEWEST_PLACES = 6


def to_markdown(report: CostReport, *, simulated: bool, title: str, where: str = "") -> str:
    """The report as Markdown, for a Prefect artifact or a file: three key figures first, then the breakdown.

    `where` is Markdown with links to the site.
    """
    parts = [
        f"# {as_markdown(title)}",
        f"> **{SIMULATED}** {SIMULATED_NOTE}" if simulated else "",
        _headline(report),
        where,
        *(part for section in sections(report) for part in _section(section)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(report: CostReport) -> str:
    figures = headline(report)
    cells = [
        f"**{as_markdown(one.amount)}**" + (f" ({as_markdown(one.share)})" if one.share else "") for one in figures
    ]
    return _lines([as_markdown(one.label) for one in figures], [cells], words=0)


def _section(section: Section) -> list[str]:
    return [
        f"## {as_markdown(section.title)}" if section.title else "",
        *map(as_markdown, section.text),
        *(f"![{as_markdown(picture.says)}]({data_uri(picture.svg)})" for picture in section.pictures),
        *map(_table, section.tables),
        "\n".join(f"- {as_markdown(note)}" for note in section.notes),
    ]


def _table(table: Table) -> str:
    rows = [[as_markdown(cell) for cell in row] for row in table.rows]
    if table.total:
        rows[-1] = [f"**{cell}**" if cell else "" for cell in rows[-1]]
    return _lines([as_markdown(name) for name in table.head], rows, words=table.words)


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int) -> str:
    """A Markdown table with right-aligned figures."""
    marks = ["---" if place < words else "---:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, marks, *rows])


def to_table(report: CostReport) -> list[dict[str, str | int]]:
    """Rows for a table artifact: one per combination of step, route and model, most expensive first, then the total.

    Counts are numbers. Amounts are text, because JSON numbers are not decimals: unrounded, and padded to one width, so
    that positive ones sort like numbers.
    """
    frame = report.by_line
    counts = {name: int(frame[name].sum()) for name in COUNTS}
    totals = {"usd": report.total, "realtime_usd": report.realtime_total, "saving_usd": report.saving}
    total: dict[Any, Any] = {**counts, **totals, "saving_percent": report.saving_percent}
    figures = [*frame.to_dict("records"), total]
    lines = [*frame.index, ("Total", "", "")]
    columns: dict[str, Sequence[str | int]] = {
        **{head: [line[place] for line in lines] for place, head in enumerate(LINE)},
        **{head: [int(row[name]) for row in figures] for name, head in COUNTS.items()},
        **{head: _digits([row[name] for row in figures]) for name, head in SUMS.items()},
        "saved %": _one_width([percent(row["saving_percent"]).rstrip("%") for row in figures]),
    }
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _digits(amounts: Sequence[Decimal]) -> list[str]:
    places = max(all_places(amounts), FEWEST_PLACES)
    return _one_width([f"{amount:.{places}f}" for amount in amounts])


def _one_width(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]
