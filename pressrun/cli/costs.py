"""`pressrun costs` and `pressrun reconcile`: this installation's ledger, alone and compared with the provider's export.

Invariant: no provider is contacted, and only the named file is written; real and simulated calls are never summed
together. Exit codes: 0 ok (`reconcile`: both sides match over the whole period), 1 they differ, 2 refused or bad input.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pressrun.cli.text import counted, plain, wide_console
from pressrun.costs.export import to_csv
from pressrun.costs.money import percent, usd
from pressrun.costs.periods import BASELINE, HEAD, PeriodReport, period_json, period_report, remarks, sections
from pressrun.costs.reading import ledger_to_read
from pressrun.costs.reconcile import SIMULATED, Line, Outcome, Reconciliation
from pressrun.costs.reconcile import reconcile as compare
from pressrun.costs.sections import SIMULATED as NO_MONEY
from pressrun.costs.sections import SIMULATED_NOTE
from pressrun.costs.usage_export import Figures, read_export
from pressrun.durations import parse_duration
from pressrun.errors import Refused
from pressrun.files import decoded
from pressrun.settings import Settings

__all__ = ["costs", "reconcile"]

AGREES, DIFFERS = 0, 1
HEADS = {"requests": "calls", "input": "input", "cached": "cached", "output": "output", "usd": "cost"}
UNITS = {
    "requests": ("call", "calls"),
    "input": ("input token", "input tokens"),
    "cached": ("cached token", "cached tokens"),
    "output": ("output token", "output tokens"),
}
FOUND = {
    Outcome.MATCHED: "matched",
    Outcome.DIFFERENT: "different",
    Outcome.ONLY_LEDGER: "only in the ledger",
    Outcome.ONLY_EXPORT: "only in the export",
}
STYLES = {Outcome.MATCHED: "dim", Outcome.DIFFERENT: "yellow"}


def costs(
    since: Annotated[
        str, typer.Option(help="Start: a duration before the end, or the first day (UTC): 30d, 2026-11-01.")
    ] = "30d",
    until: Annotated[str | None, typer.Option(help="The last day (UTC), inclusive.", metavar="DATE")] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write the calls to a CSV file, one per line.", metavar="FILE")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    simulated: Annotated[bool, typer.Option("--simulated", help="Show simulated calls instead of real ones.")] = False,
) -> None:
    """Show what was spent across runs: by site, step, model and route, with the trend."""
    begin, end = _time(since, until, datetime.now(UTC))
    with ledger_to_read(Settings()) as ledger:
        rows = ledger.rows(since=begin, until=end)
        # The file has exactly the calls that are summed, even if others are recorded meanwhile.
        calls = list(rows) if csv else rows
        report = period_report(calls, since=begin, until=end, simulated=simulated)
        if csv:
            _write(csv, to_csv(row for row in calls if row.simulated == simulated))
    if as_json:
        typer.echo(period_json(report, simulated=simulated))
        return
    _draw(report, simulated=simulated)
    if csv:
        _say(f"{counted(report.calls, 'call', 'calls')} written to {csv}.")


def reconcile(
    file: Annotated[Path, typer.Argument(help="A usage or costs export from the provider (CSV).", metavar="FILE")],
) -> None:
    """Compare the ledger with the provider's export: matched, unmatched, difference."""
    settings = Settings()
    export = read_export(_read(file), str(file))
    with ledger_to_read(settings) as ledger:
        rows = ledger.rows(since=export.since, until=export.until)
        result = compare(export, rows, provider=settings.openai_base_url)
    if result.days:
        wide_console().print(_comparison(result), crop=False)
    for text in [_verdict(result), *_advice(result, settings.openai_base_url)]:
        _say(text)
    raise typer.Exit(AGREES if result.agrees else DIFFERS)


def _time(since: str, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    try:
        end = _day(until, "--until") + timedelta(days=1) if until else now
        try:
            begin = end - parse_duration(since)
        except ValueError:
            begin = _day(since, "--since")
    except OverflowError:
        raise typer.BadParameter("the date is out of range", param_hint="--since or --until") from None
    if begin >= end:
        raise typer.BadParameter("the period is empty: --since must be before --until", param_hint="--since")
    return begin, end


def _day(text: str, option: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        kinds = "a date, such as 2026-11-01" + (", or a duration, such as 30d or 12h" if option == "--since" else "")
        raise typer.BadParameter(f"{text!r} is not {kinds}", param_hint=option) from None


def _read(file: Path) -> str:
    try:
        return decoded(file.read_bytes())
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}; nothing was compared.") from None
    except ValueError as error:
        raise Refused(f"{file}: {error}. Nothing was compared. Export it as CSV and try again.") from None


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise Refused(f"{file} could not be written: {error.strerror}. The ledger is unchanged.") from None


def _say(text: str) -> None:
    Console().print(plain(text), highlight=False, markup=False, soft_wrap=True)


def _draw(report: PeriodReport, *, simulated: bool) -> None:
    when = f"{_said(report.since)} to {_said(report.until, report.last_day)} (UTC)"
    kind, other = ("simulated", "real") if simulated else ("real", "simulated")
    if report.calls:
        Console().print(f"[bold]Costs from {when}[/]", highlight=False, soft_wrap=True)
        if simulated:
            _say(f"{NO_MONEY} {SIMULATED_NOTE}")
        _draw_sums(report)
        _say("\n".join(remarks(report)))
    else:
        _say(f"The ledger has no {kind} calls from {when}.")
    if report.other_calls:
        calls = counted(report.other_calls, f"{other} call", f"{other} calls")
        command = "pressrun costs" if simulated else "pressrun costs --simulated"
        _say(f"Not included: {calls} in this period. To show them, run `{command}`.")


def _said(moment: datetime, day: date | None = None) -> str:
    """The day (or `day`, if given) when the moment is midnight, otherwise the minute."""
    return f"{day or moment.date()}" if moment.time() == time() else f"{moment:%Y-%m-%d %H:%M}"


def _draw_sums(report: PeriodReport) -> None:
    console = wide_console()
    head = _grid(["Spent", f"Saved, {BASELINE}", "Real-time cost"], right=0)
    saved = f"{usd(report.saving)} ({percent(report.saving_percent)})"
    head.add_row(usd(report.total), saved, usd(report.realtime_total), style="bold")
    console.print(head)
    for title, name, lines in sections(report):
        table = _grid([name, *HEAD], right=1)
        table.title, table.title_justify, table.title_style = title, "left", "bold"
        for label, *cells in lines[:-1]:
            table.add_row(Text(plain(label)), *cells)
        table.add_section()
        table.add_row(*lines[-1], style="bold")
        console.print(table)


def _grid(names: Iterable[str], *, right: int) -> Table:
    """A table whose columns from number `right` on are figures; where space is short, text is wrapped first."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for place, name in enumerate(names):
        is_figure = place >= right
        table.add_column(name, overflow="fold", justify="right" if is_figure else "left", no_wrap=is_figure)
    return table


def _comparison(result: Reconciliation) -> Table:
    """Each day, then the whole period; three lines where both sides have figures that differ."""
    names = result.export.measures
    table = _grid(["UTC day", "model, route", "outcome", "side", *(HEADS[name] for name in names)], right=4)
    for line in result.days:
        _add_line(table, str(line.key.day), line, names, evens_out=result.evens_out(line))
    table.add_section()
    for line in result.period:
        _add_line(table, "all days", line, names)
    if len(result.period) > 1:
        table.add_section()
        _add_line(table, "total", result.total, names)
    for place, column in enumerate(table.columns):
        # Figures are never truncated; text longer than these words is wrapped.
        words = ("2026-11-23", "gpt-6-luna,", "difference,", "ledger")[place : place + 1]
        column.min_width = max(len(str(cell)) for cell in words or column.cells)
    return table


def _add_line(table: Table, when: str, line: Line, names: Iterable[str], *, evens_out: bool = False) -> None:
    word = line.outcome.value.partition(":")[0]
    label: list[str | Text] = [when, Text(plain(_what(line))), f"{word}, evens out" if evens_out else word]
    sides: dict[str, Figures] = {"ledger": line.ledger, "export": line.export, "diff": line.off}
    shown = {
        Outcome.MATCHED: {"both": line.export},
        Outcome.DIFFERENT: sides,
        Outcome.ONLY_LEDGER: {"ledger": line.ledger},
        Outcome.ONLY_EXPORT: {"export": line.export},
    }[line.outcome]
    for by, figures in shown.items():
        cells = [_figure(name, figures.get(name, Decimal(0)), signed=by == "diff") for name in names]
        table.add_row(*label, by, *cells, style=STYLES.get(line.outcome, "red"))
        label = ["", "", ""]


def _what(line: Line) -> str:
    route = {None: "", True: "batch", False: "real time"}[line.key.batch]
    return ", ".join(part for part in (line.key.model, route) if part) or "all"


def _figure(name: str, amount: Decimal, *, signed: bool = False) -> str:
    text = usd(amount) if name == "usd" else f"{amount:,f}".partition(".")[0]
    return f"+{text}" if signed and amount > 0 else text


def _verdict(result: Reconciliation) -> str:
    """One sentence: whether both sides match over the whole period, and by how much they differ."""
    until = (result.export.until - timedelta(microseconds=1)).date()
    when = f"over the whole period, {result.export.since.date()} to {until} (UTC)"
    if not result.agrees:
        count = Counter(line.outcome for line in result.period)
        found = ", ".join(f"{count[outcome]} {words}" for outcome, words in FOUND.items() if count[outcome])
        return f"The ledger and the export do not match {when}: {found}; in total, {_off(result.total.off)}."
    evened = sum(result.evens_out(line) for line in result.days)
    days = (
        "1 line of a single day differs and evens" if evened == 1 else f"{evened} lines of single days differ and even"
    )
    why = (
        f"; {days} out, because the provider counts a batch on the day it ran, and the ledger on the day its answers "
        "were collected"
    )
    return f"The ledger and the export match {when}: {_amounts(result.total.export)}{why if evened else ''}."


def _amounts(figures: Figures) -> str:
    sizes = {name: abs(amount) for name, amount in figures.items()}
    said = [counted(int(size), *UNITS[name]) if name in UNITS else usd(size) for name, size in sizes.items()]
    return ", ".join(said) or "neither has any figures"


def _off(off: Figures) -> str:
    sides = {
        "more": {name: amount for name, amount in off.items() if amount > 0},
        "less": {name: amount for name, amount in off.items() if amount < 0},
    }
    said = [f"{_amounts(figures)} {word}" for word, figures in sides.items() if figures]
    return f"the ledger has {' and '.join(said)} than the export" if said else "the totals are equal"


def _advice(result: Reconciliation, provider: str) -> Iterator[str]:
    """What was not compared, and possible reasons for a difference."""
    found = {line.outcome for line in result.period}
    if "usd" in result.export.measures and result.export.blind:
        yield "The costs are not grouped by line item. Group the export by line item to compare models and routes."
    elif result.export.blind:
        yield f"The export is not grouped by {' or '.join(result.export.blind)}, so only the sums were compared."
    if Outcome.ONLY_EXPORT in found:
        yield (
            "Only in the export: calls from another program, machine or project. Export only the project of this "
            "installation's key."
        )
    if Outcome.ONLY_LEDGER in found:
        yield "Only in the ledger: the export is from another project or not yet complete. Export it again later."
    if any(line.key.batch is not False and line.outcome is not Outcome.MATCHED for line in result.period):
        yield "A batch that ran before the period's edge and was collected after it is on one side. Export more days."
    if "usd" in result.export.measures and Outcome.DIFFERENT in found:
        yield "Free allowances, regional surcharges and negotiated prices are in the provider's amounts only."
    for whose, count in result.left_out.items():
        calls = counted(count, "call", "calls")
        why = "simulated" if whose == SIMULATED else f"sent to {whose}; OPENAI_BASE_URL is {provider}"
        yield f"Not compared: {calls} ({why})."
