"""The content of a cost report: the text, tables and charts that its Markdown and its HTML share.

Invariant: all text here is plain, and each renderer escapes it; a saving is always shown with its baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd

from pressrun.costs.chart import bar_chart, share_chart
from pressrun.costs.explain import CAUSES, explanation, say_calls
from pressrun.costs.money import common_places, percent, share, usd
from pressrun.costs.report import CostReport

__all__ = [
    "SIMULATED",
    "SIMULATED_NOTE",
    "Figure",
    "Picture",
    "Section",
    "Table",
    "headline",
    "sections",
    "unknown_note",
]

SIMULATED = "SIMULATED: no money was spent."
SIMULATED_NOTE = "The figures are what the simulated usage would have cost."
BASELINE = "real-time cost"
MONEY = ["usd", "realtime_usd", "saving_usd"]
MONEY_HEAD = ["Cost", "Real-time cost", "Saved", "Saved %"]


@dataclass(frozen=True)
class Figure:
    """One of the key figures at the top of a report."""

    label: str
    amount: str
    share: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under a heading; all but the first `words` columns are figures, and the last row may be their total."""

    head: list[str]
    rows: list[list[str]]
    words: int = 1
    total: bool = True


@dataclass(frozen=True)
class Picture:
    """A chart as SVG text, with alternative text."""

    svg: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report; its parts are shown in this order, and the first section has no title."""

    title: str
    text: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def headline(report: CostReport) -> list[Figure]:
    """Spent, saved, and the baseline."""
    return [
        Figure("Spent", usd(report.total)),
        Figure("Saved, compared with real time", usd(report.saving), percent(report.saving_percent)),
        Figure("Real-time cost", usd(report.realtime_total)),
    ]


def sections(report: CostReport) -> list[Section]:
    """Everything after the headline."""
    return [
        Section(title="", text=_whose(report), pictures=_overview(report)),
        *_breakdowns(report),
        *_forecast(report),
        *_year(report),
        Section(title="Notes", notes=_notes(report)),
    ]


def unknown_note(calls: int, amount: Decimal) -> str:
    """What a report says about calls whose usage the provider did not report; `amount` is in USD."""
    return (
        f"{say_calls(calls)} came without usable token counts. Their cost is unknown, so they are counted at the most "
        f"they can have cost: {usd(amount)}. Correct them with `pressrun correct` when you have the invoice."
    )


def _whose(report: CostReport) -> list[str]:
    if not report.reused_calls:
        return []
    return [
        f"This run paid {usd(report.paid_now)}. Earlier runs paid {usd(report.reused)} "
        f"({say_calls(report.reused_calls)}); this run reused their answers without paying again."
    ]


def _overview(report: CostReport) -> list[Picture]:
    if not report.total:
        return []
    steps = report.by_step
    bars = list(zip(steps.index, steps["usd"], steps["realtime_usd"], strict=True))
    cost = "Cost by step: spent and real-time cost"
    parts = [("By step", _amounts(steps)), ("By route", _amounts(report.by_route))]
    shares = "Share of the cost by step and by route"
    return [
        Picture(bar_chart(bars, title=cost, first="spent", second=BASELINE), cost),
        Picture(share_chart(parts, title=shares), shares),
    ]


def _amounts(frame: pd.DataFrame) -> list[tuple[str, Decimal]]:
    return list(zip(frame.index, frame["usd"], strict=True))


def _breakdowns(report: CostReport) -> list[Section]:
    return [
        Section(title="By step", tables=[_breakdown("Step", report.by_step, report, {"served": "Route"})]),
        Section(title="By route", tables=[_breakdown("Route", report.by_route, report)]),
        Section(title="By model", tables=[_breakdown("Model", report.by_model, report), _tokens(report.by_model)]),
    ]


def _breakdown(name: str, frame: pd.DataFrame, report: CostReport, words: dict[str, str] | None = None) -> Table:
    """Calls and amounts of each row of the frame, and the total; `words` are text columns with their headings."""
    words = words or {}
    totals = [report.total, report.realtime_total, report.saving]
    places = common_places([*totals, *frame[MONEY].to_numpy().flatten()])
    rows = [
        [
            str(label),
            *(row[column] for column in words),
            f"{row['calls']:,}",
            *(usd(row[column], places) for column in MONEY),
            percent(row["saving_percent"]),
        ]
        for label, row in frame.to_dict("index").items()
    ]
    sums = [usd(amount, places) for amount in totals]
    blanks = [""] * len(words)
    total = ["Total", *blanks, f"{int(frame['calls'].sum()):,}", *sums, percent(report.saving_percent)]
    return Table([name, *words.values(), "Calls", *MONEY_HEAD], [*rows, total], words=1 + len(words))


def _tokens(frame: pd.DataFrame) -> Table:
    columns = {"input": "Input tokens", "cached": "Of which cached", "output": "Output tokens"}
    rows = [[str(label), *(f"{row[column]:,}" for column in columns)] for label, row in frame.to_dict("index").items()]
    return Table(["Model", *columns.values()], rows, total=False)


def _forecast(report: CostReport) -> list[Section]:
    if report.forecast_total is None:
        return []
    table = report.variance
    bars = list(zip(table.index, table["actual_usd"], table["forecast_usd"], strict=True))
    says = "Cost by step: spent and forecast"
    causes = {name: cause for name, cause in CAUSES.items() if any(table[name])}
    return [
        Section(
            title="Forecast and actual cost",
            text=explanation(table),
            pictures=[Picture(bar_chart(bars, title=says, first="spent", second="forecast"), says)],
            tables=[_off(table), *([_why(table, list(causes))] if causes else [])],
            notes=[f"{cause.head}: {cause.note}" for cause in causes.values()],
        )
    ]


def _off(table: pd.DataFrame) -> Table:
    columns = ["forecast_usd", "actual_usd", "variance_usd"]
    rows = _with_total(table[columns])
    places = common_places(amount for _, amounts in rows for amount in amounts)
    lines = [
        [step, usd(forecast, places), usd(actual, places), _signed(off, places), _signed_share(share(off, forecast))]
        for step, (forecast, actual, off) in rows
    ]
    return Table(["Step", "Forecast", "Actual", "Variance", "Variance %"], lines)


def _why(table: pd.DataFrame, causes: Sequence[str]) -> Table:
    """The causes that apply, by step; each row adds up to its last column."""
    concerned = table[[any(row) for row in table[list(causes)].to_numpy()]]
    rows = _with_total(concerned[[*causes, "variance_usd"]])
    places = common_places(amount for _, amounts in rows for amount in amounts)
    lines = [[step, *(_signed(amount, places) if amount else "-" for amount in amounts)] for step, amounts in rows]
    return Table(["Step", *(CAUSES[cause].head for cause in causes), "Variance"], lines)


def _with_total(table: pd.DataFrame) -> list[tuple[str, list[Decimal]]]:
    rows: list[tuple[str, list[Decimal]]] = [
        (str(step), amounts) for step, amounts in zip(table.index, table.to_numpy().tolist(), strict=True)
    ]
    return [
        *rows,
        ("Total", [sum(column, Decimal(0)) for column in zip(*(amounts for _, amounts in rows), strict=True)]),
    ]


def _signed(amount: Decimal, places: int) -> str:
    return f"+{usd(amount, places)}" if amount > 0 else usd(amount, places)


def _signed_share(value: Decimal | None) -> str:
    return f"+{percent(value)}" if value and value > 0 else percent(value)


def _year(report: CostReport) -> list[Section]:
    if not report.sites:
        return []
    like = "this one" if report.sites == 1 else f"the average of these {report.sites}"
    spent, baseline, saving = (
        usd(report.yearly(amount)) for amount in (report.total, report.realtime_total, report.saving)
    )
    text = (
        f"{report.sites_per_year:,} sites like {like} cost {spent} a year, or {baseline} in real time. Saved, compared "
        f"with real time: {saving}."
    )
    return [Section(title="Yearly projection", text=[text])]


def _notes(report: CostReport) -> list[str]:
    table = report.by_step
    failed, invalid = int(table["failed"].sum()), int(table["invalid"].sum())
    notes = [
        "Figures are rounded for readability; the CSV and JSON files have every digit.",
        "Real-time cost: the same tokens at the provider's standard price. Input, cached input and output are priced "
        "separately; output tokens include reasoning and image tokens.",
        *[f"Prices: {source}." for source in report.price_sources],
    ]
    if invalid:
        notes.append(f"{say_calls(invalid)} returned invalid replies, which are billed: {usd(report.invalid)}.")
    if report.unknown_calls:
        notes.append(unknown_note(report.unknown_calls, report.unknown))
    if failed:
        notes.append(f"{say_calls(failed)} failed; the provider does not bill failed calls.")
    return notes
