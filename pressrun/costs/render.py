"""The report as Markdown, table, CSV and JSON.

Invariant: Markdown and table are rounded for reading and say so; CSV and JSON carry every digit.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Any

import pandas as pd

from pressrun.calls import Frozen, Usage
from pressrun.costs.chart import bar_chart, data_uri
from pressrun.costs.ledger import CallEstimate, LedgerRow
from pressrun.costs.money import percent, share, usd
from pressrun.costs.report import CostReport
from pressrun.pricetable import Rates

__all__ = ["to_csv", "to_json", "to_markdown", "to_table"]

BASELINE = "against asking the same in real time"
SIMULATED = "> **SIMULATED: no money was spent.** The figures are what the simulated usage would have cost."


def to_markdown(report: CostReport, *, simulated: bool, title: str) -> str:
    """The report for a person, as a Prefect artifact or a file: three numbers first, then where they come from."""
    parts = [
        f"# {_plain(title)}",
        SIMULATED if simulated else "",
        _headline(report),
        _whose(report),
        f"![Cost by step, spent and in real time]({data_uri(bar_chart(_bars(report)))})" if len(report.by_step) else "",
        f"## By step\n\n{_step_table(report)}",
        _forecast_section(report),
        _year_section(report),
        f"## Notes\n\n{_notes(report)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(report: CostReport) -> str:
    saved = f"**{usd(report.saving)}** ({percent(report.saving_percent)})"
    head = ["Spent", f"Saved, {BASELINE}", "The same in real time"]
    return _table(head, [[f"**{usd(report.total)}**", saved, usd(report.realtime_total)]])


def _whose(report: CostReport) -> str:
    if not report.reused_calls:
        return ""
    calls = _calls(report.reused_calls)
    return (
        f"This run paid {usd(report.paid_now)}. {usd(report.reused)} ({calls}) was paid by earlier runs, whose answers "
        "were reused and not paid for again."
    )


def _bars(report: CostReport) -> list[tuple[str, Decimal, Decimal]]:
    table = report.by_step
    return list(zip(table.index, table["usd"], table["realtime_usd"], strict=True))


def _step_table(report: CostReport) -> str:
    rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row.values()] for row in to_table(report)]
    return _table(["Step", "Served", "Calls", "In", "Cached", "Out", "Cost", "In real time", "Saved", "Saved %"], rows)


def _forecast_section(report: CostReport) -> str:
    forecast = report.forecast_total
    if forecast is None:
        return ""
    lines = [_variance_row(str(step), *values) for step, values in _records(report.variance)]
    off = report.total - forecast
    lines.append(_variance_row("**Total**", forecast, report.total, off, share(off, forecast)))
    return f"## Forecast and actual\n\n{_table(['Step', 'Forecast', 'Actual', 'Off by', 'Off by %'], lines)}"


def _records(table: pd.DataFrame) -> Iterable[tuple[Any, list[Any]]]:
    return zip(table.index, table.to_numpy().tolist(), strict=True)


def _variance_row(
    step: str, forecast: Decimal, actual: Decimal, off: Decimal, off_percent: Decimal | None
) -> list[str]:
    return [step, usd(forecast), usd(actual), _signed(usd(off)), _signed(percent(off_percent))]


def _signed(text: str) -> str:
    return text if text[0] in "-<>" else f"+{text}"


def _year_section(report: CostReport) -> str:
    if not report.sites:
        return ""
    like = "this one" if report.sites == 1 else f"the mean of these {report.sites}"
    spent, baseline, saving = (
        usd(report.yearly(amount)) for amount in (report.total, report.realtime_total, report.saving)
    )
    return (
        f"## A year\n\n{report.sites_per_year:,} sites like {like} come to **{spent}**; in real time, to {baseline}. "
        f"Saved: {saving}."
    )


def _notes(report: CostReport) -> str:
    table = report.by_step
    failed, invalid = int(table["failed"].sum()), int(table["invalid"].sum())
    notes = [
        "Figures here are rounded for reading; the CSV and JSON files have every digit.",
        "In real time: the same tokens at the provider's standard price. Input, cached input and output are priced "
        "apart; cached tokens are within In, reasoning and image tokens within Out.",
        *[f"Prices: {_plain(source)}." for source in report.price_sources],
    ]
    if invalid:
        notes.append(f"{_calls(invalid)} came back unfit to use and had to be paid for: {usd(report.invalid)}.")
    if failed:
        notes.append(f"{_calls(failed)} failed; the provider does not bill these.")
    return "\n".join(f"- {note}" for note in notes)


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all but the first column of words are figures, to the right."""
    marks = ["---" if name in ("Step", "Served") else "---:" for name in head]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in [head, marks, *rows])


def _plain(text: str) -> str:
    """A person's text as Markdown that means nothing but itself, on one line."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escape(" ".join(text.split()), quote=False))


def to_table(report: CostReport) -> list[dict[str, str | int]]:
    """Rows for a table artifact, a total last; counts are numbers, money is text rounded for reading."""
    rows = [_table_row(str(step), values) for step, values in report.by_step.to_dict("index").items()]
    counts = {name: int(report.by_step[name].sum()) for name in ("calls", "input", "cached", "output")}
    totals = {
        "usd": report.total,
        "realtime_usd": report.realtime_total,
        "saving_usd": report.saving,
        "saving_percent": report.saving_percent,
    }
    return [*rows, _table_row("Total", {"served": "", **counts, **totals})]


def _table_row(step: str, values: dict[Any, Any]) -> dict[str, str | int]:
    return {
        "step": step,
        "served": values["served"],
        "calls": values["calls"],
        "in": values["input"],
        "cached": values["cached"],
        "out": values["output"],
        "cost": usd(values["usd"]),
        "in real time": usd(values["realtime_usd"]),
        "saved": usd(values["saving_usd"]),
        "saved %": percent(values["saving_percent"]),
    }


def to_csv(rows: Iterable[LedgerRow]) -> str:
    """One line for each call, money with every digit.

    The columns are `LedgerRow`'s; of its parts those of `usage` are `tokens_...`, of `rates` `usd_per_mtok_...`, and of
    `estimate` `estimated_...`.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, [name for _, names in COLUMNS for name in names], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(_flat(row))
    return out.getvalue()


PARTS: dict[str, tuple[str, type[Frozen]]] = {
    "usage": ("tokens_", Usage),
    "rates": ("usd_per_mtok_", Rates),
    "estimate": ("estimated_", CallEstimate),
}
COLUMNS = [
    (name, [f"{PARTS[name][0]}{part}" for part in PARTS[name][1].model_fields] if name in PARTS else [name])
    for name in LedgerRow.model_fields
]
"""The fields of a row with the columns that each fills."""


def _flat(row: LedgerRow) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field, names in COLUMNS:
        value = getattr(row, field)
        parts = dict(value).values() if field in PARTS else [value]
        flat.update(zip(names, map(_exact, parts), strict=True))
    return flat


def _exact(value: Any) -> Any:
    """Decimals as plain digits: `0.000000035`, never `3.5E-8`; times as ISO 8601."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if hasattr(value, "isoformat") else value


def to_json(report: CostReport, rows: Sequence[LedgerRow]) -> str:
    """Totals, steps, forecast and every call; money is text with every digit."""
    data = {
        "currency": "USD",
        "baseline": "the same usage at the standard real-time price",
        "total": report.total,
        "realtime_total": report.realtime_total,
        "saving": report.saving,
        "paid_by_this_run": report.paid_now,
        "paid_by_earlier_runs": report.reused,
        "paid_for_invalid_replies": report.invalid,
        "forecast_total": report.forecast_total,
        "sites": report.sites,
        "sites_per_year": report.sites_per_year,
        "yearly": report.yearly(report.total),
        "yearly_saving": report.yearly(report.saving),
        "price_sources": report.price_sources,
        "by_step": report.by_step.to_dict("index"),
        "forecast_by_step": report.variance.to_dict("index"),
        "calls": [row.model_dump() for row in rows],
    }
    return json.dumps(data, default=_exact, ensure_ascii=False, indent=2)
