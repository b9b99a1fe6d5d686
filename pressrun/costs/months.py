"""The report of a calendar month (UTC), for whoever pays the bill: on its own, and compared with the previous month.

Invariant: two months are compared only when both have calls of the requested kind, real or simulated.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from pressrun.costs.explain import say_calls
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.money import common_places, percent, share, usd
from pressrun.costs.periods import PeriodReport, period_report
from pressrun.errors import Refused

__all__ = ["MONTH", "beside_month_before", "month_before", "month_key", "month_report", "read_month", "say_month"]

MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
"""Format of a month: 2026-10."""


def read_month(text: str | None, today: date) -> date:
    """The first day of a month; None means the last complete one. Raises `Refused` for one that has not begun."""
    if text is None:
        return month_before(today)
    year, month = map(int, text.split("-"))
    try:
        begin = date(year, month, 1)
    except ValueError:
        raise Refused(f"{text} is not a month such as 2026-10.") from None
    if begin > today:
        raise Refused(f"{begin:%B %Y} has not begun, so there is nothing to report.")
    return begin


def month_before(day: date) -> date:
    """The first day of the month before that of `day`."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def month_key(month: date, *, simulated: bool) -> str:
    """The key of the month's artifact; each later report of the month is a newer version."""
    return f"costs-{month:%Y-%m}{'-simulated' if simulated else ''}"


def month_report(ledger: LedgerFile, month: date, *, simulated: bool) -> PeriodReport:
    """What the calls of a month have cost; `month` is its first day."""
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    end = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    return period_report(ledger.rows(since=begin, until=end), since=begin, until=end, simulated=simulated)


def beside_month_before(report: PeriodReport, ledger: LedgerFile, month: date, *, simulated: bool) -> str:
    """A Markdown section that compares the month with the previous one; empty when one of them has no calls."""
    before = month_report(ledger, month_before(month), simulated=simulated)
    return _comparison(report, before) if report.calls and before.calls else ""


def say_month(report: PeriodReport, month: date, *, simulated: bool) -> str:
    """The month in a line."""
    kind = "simulated " if simulated else ""
    if not report.calls:
        return f"{month:%B %Y}: no {kind}calls."
    return (
        f"{month:%B %Y}: {usd(report.total)} spent{' (SIMULATED)' if simulated else ''}, {usd(report.saving)} saved "
        f"compared with real time; {say_calls(report.calls)} for {_sites(len(report.by_site))}."
    )


def _sites(count: int) -> str:
    return "1 site" if count == 1 else f"{count:,} sites"


def _comparison(report: PeriodReport, before: PeriodReport) -> str:
    amounts = {
        "Spent": (report.total, before.total),
        "Real-time cost": (report.realtime_total, before.realtime_total),
        "Saved": (report.saving, before.saving),
        "Spent per site": (_each(report), _each(before)),
    }
    places = common_places(amount for pair in amounts.values() for amount in pair)
    counts = {
        "Sites": (len(report.by_site), len(before.by_site)),
        "Calls": (report.calls, before.calls),
    }
    lines = [
        *(_line(name, Decimal(now), Decimal(then), "{:,f}".format) for name, (now, then) in counts.items()),
        *(_line(name, now, then, lambda amount: usd(amount, places)) for name, (now, then) in amounts.items()),
    ]
    head = ["", f"{report.since:%B %Y}", f"{before.since:%B %Y}", "Change", "Change %"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "## Compared with the previous month\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _each(report: PeriodReport) -> Decimal:
    return report.total / len(report.by_site)


def _line(name: str, now: Decimal, before: Decimal, say: Callable[[Decimal], str]) -> list[str]:
    change = now - before
    part = share(change, before)
    sign = "+" if change > 0 else ""
    return [name, say(now), say(before), f"{sign}{say(change)}", f"{sign}{percent(part)}" if part is not None else "-"]
