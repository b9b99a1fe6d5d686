"""What was spent in a period, across runs: by site, by step, by model and route, with the trend.

Invariant: every figure is an exact sum of ledger rows; simulated and real rows are never summed together; rows outside
the period are not counted.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from pressrun.calls import StepName
from pressrun.costs.explain import say_calls
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.money import common_places, percent, share, usd
from pressrun.costs.sections import SIMULATED, SIMULATED_NOTE, unknown_note
from pressrun.costs.sums import Sums, frame, together
from pressrun.costs.variance import SERVED
from pressrun.plaintext import as_markdown

__all__ = ["HEAD", "PeriodReport", "month_markdown", "period_json", "period_report", "remarks", "sections"]

BASELINE = "compared with real time"
COLUMNS = ["calls", "failed", "invalid", "input", "cached", "output", "usd", "realtime_usd", "invalid_usd"]
HEAD = ("Calls", "Cost", "Real-time cost", "Saved", "Saved %")
"""Headings of the cells of a section's line, after its label."""
SHORT = ((timedelta(days=14), "day"), (timedelta(days=92), "week"))
"""The trend's unit for periods up to each length; longer periods use months."""


class Group(NamedTuple):
    """What rows that are summed first have in common."""

    site: str
    step: StepName
    model: str
    served: str
    day: date


@dataclass(frozen=True, kw_only=True)
class PeriodReport:
    """What the calls of a period cost, in USD; either the real ones or the simulated ones."""

    since: datetime
    until: datetime
    """Exclusive."""
    by_site: pd.DataFrame
    """Most expensive first. Columns of this and the others: calls, failed, invalid (calls), input, cached, output
    (tokens), usd, realtime_usd, invalid_usd, saving_usd, saving_percent (Decimal)."""
    by_step: pd.DataFrame
    """In the pipeline's order."""
    by_route: pd.DataFrame
    """By model and route, most expensive first; the index has both."""
    trend: pd.DataFrame
    """By the first day (UTC) of each part, without gaps."""
    trend_unit: str
    """`day`, `week` or `month`."""
    calls: int
    failed: int
    invalid_calls: int
    total: Decimal
    realtime_total: Decimal
    """The baseline: the same usage at the standard real-time price."""
    invalid: Decimal
    """The part of `total` that was paid for invalid replies."""
    unknown_calls: int
    unknown: Decimal
    """The part of `total` that is assumed: the most that calls of unknown usage can have cost."""
    other_calls: int
    """Calls in the period of the other kind (simulated or real), which no sum includes."""

    @property
    def saving(self) -> Decimal:
        """Compared with real time."""
        return self.realtime_total - self.total

    @property
    def saving_percent(self) -> Decimal | None:
        return share(self.saving, self.realtime_total)

    @property
    def last_day(self) -> date:
        return (self.until - timedelta(microseconds=1)).astimezone(UTC).date()


def period_report(
    rows: Iterable[LedgerRow], *, since: datetime, until: datetime, simulated: bool = False
) -> PeriodReport:
    """Sum the payments from `since` up to (not including) `until` in one pass."""
    groups: dict[Group, Sums] = {}
    other_calls = 0
    for row in rows:
        if not since <= row.answered_at < until:
            continue
        if row.simulated != simulated:
            other_calls += 1
            continue
        groups.setdefault(_group(row), Sums()).add(row)
    total = together(groups.values())
    unit, parts = _parts(groups, since.astimezone(UTC).date())
    return PeriodReport(
        since=since,
        until=until,
        by_site=_frame(_dearest_first(_grouped(groups, lambda group: (group.site,))), ["site"]),
        by_step=_frame(_in_order(_grouped(groups, lambda group: (group.step,))), ["step"]),
        by_route=_frame(
            _dearest_first(_grouped(groups, lambda group: (group.model, group.served))), ["model", "served"]
        ),
        trend=_frame(parts, [unit]),
        trend_unit=unit,
        calls=total.calls,
        failed=total.failed,
        invalid_calls=total.invalid,
        total=total.usd,
        realtime_total=total.realtime_usd,
        invalid=total.invalid_usd,
        unknown_calls=total.unknown,
        unknown=total.unknown_usd,
        other_calls=other_calls,
    )


def _group(row: LedgerRow) -> Group:
    return Group(row.site, row.step, row.model, SERVED[row.tier], row.answered_at.astimezone(UTC).date())


Parts = dict[tuple[str, ...], Sums]


def _grouped(groups: Mapping[Group, Sums], key: Callable[[Group], tuple[str, ...]]) -> Parts:
    parts: dict[tuple[str, ...], list[Sums]] = {}
    for group, sums in groups.items():
        parts.setdefault(key(group), []).append(sums)
    return {name: together(held) for name, held in parts.items()}


def _dearest_first(parts: Parts) -> Parts:
    return dict(sorted(parts.items(), key=lambda part: (-part[1].usd, part[0])))


def _in_order(parts: Parts) -> Parts:
    return {(step.value,): parts[step,] for step in StepName if (step,) in parts}


def _parts(groups: Mapping[Group, Sums], since: date) -> tuple[str, Parts]:
    """The trend, from the first day with a call to the last; a part that would begin before `since` begins there."""
    days = sorted({group.day for group in groups}) or [since]
    span = days[-1] - days[0] + timedelta(days=1)
    unit = next((unit for length, unit in SHORT if span <= length), "month")
    # Every day, so that parts without calls appear as zero.
    every = (_part(days[0] + timedelta(days=number), unit, since) for number in range(span.days))
    nothing: Parts = {part: Sums() for part in every}
    return unit, nothing | _grouped(groups, lambda group: _part(group.day, unit, since)) if groups else {}


def _part(day: date, unit: str, since: date) -> tuple[str]:
    starts = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}
    return (max(starts[unit], since).isoformat(),)


def _frame(parts: Parts, names: list[str]) -> pd.DataFrame:
    keys = list(parts)
    index = pd.MultiIndex.from_tuples(keys, names=names) if len(names) > 1 else pd.Index([key for (key,) in keys])
    return frame(index.set_names(names), list(parts.values()), COLUMNS)


def sections(report: PeriodReport) -> list[tuple[str, str, list[list[str]]]]:
    """Title, name of the first column, and lines of each table (label, then `HEAD`), with the total last."""
    from_day = "Day" if report.trend_unit == "day" else f"{report.trend_unit} from".capitalize()
    frames = [
        ("By site", "Site", report.by_site),
        ("By step", "Step", report.by_step),
        ("By model and route", "Model, route", report.by_route),
        (f"By {report.trend_unit}", from_day, report.trend),
    ]
    return [(title, name, _lines(frame, report)) for title, name, frame in frames]


def _lines(frame: pd.DataFrame, report: PeriodReport) -> list[list[str]]:
    """Each row of the frame, then the total; all amounts have the same number of decimals, so that they align."""
    keys = [", ".join(key) if isinstance(key, tuple) else str(key) for key in frame.index]
    figures = [
        *zip(keys, frame["calls"], frame["usd"], frame["realtime_usd"], strict=True),
        ("Total", report.calls, report.total, report.realtime_total),
    ]
    places = common_places(amount for _, _, *sums in figures for amount in (*sums, sums[1] - sums[0]))
    return [[key, f"{calls:,}", *_money(spent, realtime, places)] for key, calls, spent, realtime in figures]


def _money(spent: Decimal, realtime: Decimal, places: int) -> list[str]:
    saving = realtime - spent
    return [*(usd(amount, places) for amount in (spent, realtime, saving)), percent(share(saving, realtime))]


def remarks(report: PeriodReport) -> list[str]:
    """Notes on what the tables do not show."""
    if not report.calls:
        return ["There are no calls in this period."]
    said = [f"{say_calls(report.calls)} in total. Figures are rounded; `pressrun costs --json` has every digit."]
    if report.invalid_calls:
        unfit = f"{say_calls(report.invalid_calls)} returned invalid replies, which are billed"
        said.append(f"{unfit}: {usd(report.invalid)}.")
    if report.unknown_calls:
        said.append(unknown_note(report.unknown_calls, report.unknown))
    if report.failed:
        said.append(f"{say_calls(report.failed)} failed; the provider does not bill failed calls.")
    return said


def month_markdown(report: PeriodReport, month: date, *, simulated: bool, compared: str = "") -> str:
    """The report of a month (any day of it) as Markdown for a Prefect artifact, three key figures first.

    `compared` is a Markdown section that follows them.
    """
    saved = f"**{usd(report.saving)}** ({percent(report.saving_percent)})"
    tables = [f"## {title}\n\n{_table(name, lines)}" for title, name, lines in sections(report) if report.calls]
    parts = [
        f"# Costs of {month:%B %Y}",
        f"> **{SIMULATED}** {SIMULATED_NOTE}" if simulated else "",
        f"| Spent | Saved, {BASELINE} | Real-time cost |\n| ---: | ---: | ---: |\n"
        f"| **{usd(report.total)}** | {saved} | {usd(report.realtime_total)} |",
        compared,
        *tables,
        "## Notes\n\n" + "\n".join(f"- {remark}" for remark in remarks(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(name: str, lines: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are figures, right-aligned."""
    safe = [[as_markdown(label), *cells] for label, *cells in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [[name, *HEAD], ["---", *["---:"] * len(HEAD)], *safe])


def period_json(report: PeriodReport, *, simulated: bool) -> str:
    """The whole report for programs; amounts are unrounded text."""
    frames = {"by_site": report.by_site, "by_step": report.by_step, "by_route": report.by_route, "trend": report.trend}
    data: dict[str, Any] = {
        "currency": "USD",
        "baseline": "the same usage at the standard real-time price",
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "simulated": simulated,
        "calls": report.calls,
        "failed": report.failed,
        "invalid": report.invalid_calls,
        "total": report.total,
        "realtime_total": report.realtime_total,
        "saving": report.saving,
        "paid_for_invalid_replies": report.invalid,
        "unknown_usage": report.unknown_calls,
        "assumed_for_unknown_usage": report.unknown,
        "other_calls": report.other_calls,
        **{name: frame.reset_index().to_dict("records") for name, frame in frames.items()},
    }
    return json.dumps(data, default=lambda amount: f"{amount:f}", ensure_ascii=False, indent=2)
