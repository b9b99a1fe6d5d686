"""Reading OpenAI's own exports of usage and costs.

Invariant: a file is read completely or refused completely, with every fault and its line; what an export does not
distinguish (models, batch or not) stays one sum.

The exports ("Export" on the usage page; up to 60 days, in UTC, possibly late, according to OpenAI's help article
8554956) use the column names of the Usage and Costs API (openai 3.54.0,
`types/admin/organization/usage_*_response.py`). So do files in public repositories: `completions_usage_*.csv` and
`cost_*.csv` of August 2026 in pmutua/afyaplus-multimodal-intake-assistant, of 2025 in xavierjflanagan/Guardian, and
`cost_*.csv` in wanlonghenry/aiecon. They show that an empty bucket is a line with only times, that counts are written
`31422.0`, and that a time may lack its offset. GPT Image models are among the completions; the images export counts
images and has no tokens, so nothing in it can be compared. A line item of the costs is `gpt-5.6-luna, cached input` or
`gpt-image-2-2026-04-21 image, output`, with the prefix `batch api | ` for a batch, which is billed on the day it
completes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pressrun.csvtext import CsvRow, csv_rows
from pressrun.errors import Refused
from pressrun.models import undated

__all__ = ["Export", "Figures", "Key", "read_export", "summed"]

Figures = Mapping[str, Decimal]
"""Amounts by measure: `requests`; `input`, `cached`, `output` (tokens, `cached` within `input`); `usd`."""
UNTOLD: Mapping[str, Any] = {"model": "", "batch": None}
"""Values of a `Key`'s fields where an export does not give them."""
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""A usage export has no times before the first or from the last on."""
MEASURES = {"usage": ("requests", "input", "cached", "output"), "costs": ("usd",)}
WANTED = {"usage": ("start", "requests", "input", "output"), "costs": ("start", "usd")}
HINTS = {
    "images": "The images export counts images; the tokens of GPT Image models are in the completions export.",
    "end_time_iso": "An export with only times means that nothing was used in the chosen dates and project.",
}
"""Hints for an unusable file that has this column."""


class Key(NamedTuple):
    """Identifies figures that are compared with each other."""

    day: date | None = None
    """In UTC; None for the whole period."""
    model: str = ""
    """Without the date of its snapshot; empty for all of them."""
    batch: bool | None = None
    """None for both routes together."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """The provider's figures."""

    since: datetime
    until: datetime
    """The end of the last bucket, exclusive."""
    measures: tuple[str, ...]
    blind: Mapping[str, Any]
    """Fields of a `Key` that the export does not distinguish, with their placeholder values."""
    counted: Mapping[Key, Figures]


def summed(counted: Iterable[tuple[Key, Figures]], blind: Mapping[str, Any]) -> Mapping[Key, Figures]:
    """The sums over the fields that `blind` names."""
    sums: dict[Key, dict[str, Decimal]] = {}
    for key, figures in counted:
        into = sums.setdefault(key._replace(**blind), {})
        for name, amount in figures.items():
            into[name] = into.get(name, Decimal(0)) + amount
    return sums


def read_export(text: str, source: str) -> Export:
    """Read an export (CSV); `source` names it in messages. Raises `Refused` with all faults at once."""
    head, *rows = [*csv_rows(text)] or [CsvRow(1, [])]
    names = [re.sub(r"\W+", "_", name.lower()).strip("_") for name in head.cells]
    places, measures = _recognise(names, source)
    buckets: list[tuple[datetime, datetime]] = []
    entries: list[tuple[Key, Figures]] = []
    faults: list[str] = []
    for line, cells, fault in rows:
        values, wrong = ({}, [fault]) if fault else _values(cells, names, places, measures)
        faults += [f"line {line}: {one}" for one in wrong]
        if not wrong:
            buckets.append((values["start"], values["end"]))
        if not wrong and measures[0] in values:
            model, batch = values.get("line_item") or (undated(values.get("model", "")), values.get("batch"))
            entries.append((Key(values["start"].date(), model, batch), {name: values[name] for name in measures}))
    if not faults and not buckets:
        faults.append("line 1: column names, but no data below them")
    if faults:
        raise Refused("\n  ".join([f"{source} has faults; nothing was compared. Export it again.", *faults]))
    blind = {name: none for name, none in UNTOLD.items() if any(getattr(key, name) == none for key, _ in entries)}
    since, until = min(start for start, _ in buckets), max(end for _, end in buckets)
    return Export(since=since, until=until, measures=measures, blind=blind, counted=summed(entries, blind))


def _recognise(names: list[str], source: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Where our columns are, and what the file measures. Raises `Refused` when it cannot be used."""
    known = {ours: [names.index(name) for name in aliases if name in names] for ours, (aliases, _) in COLUMNS.items()}
    places = {ours: found[0] for ours, found in known.items() if found}
    if twice := sorted({names[place] for place in places.values() if names.count(names[place]) > 1}):
        raise Refused(f"{source} has two columns named {' and '.join(twice)}; nothing was compared. Export it again.")
    kind = next((kind for kind, wanted in WANTED.items() if places.keys() >= set(wanted)), None)
    if kind:
        return places, tuple(name for name in MEASURES[kind] if name in places)
    hint = next((hint for name, hint in HINTS.items() if name in names), "")
    wanted = [f"  required for {what}: {', '.join(COLUMNS[name][0][0] for name in WANTED[what])}" for what in WANTED]
    raise Refused(
        f"{source} is not an export that can be compared; nothing was compared.\n"
        f"  columns found: {', '.join(name[:40] for name in names[:40]) or 'none'}\n"
        + "\n".join([*wanted, f"Export the usage of completions, or the costs, as CSV from the usage page. {hint}"])
    )


def _values(
    cells: list[str], names: list[str], places: Mapping[str, int], measures: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """The values of a line and its faults; for a bucket without figures only the times are read."""
    if len(cells) != len(names):
        return {}, [f"{len(cells)} cells, but the first line has {len(names)}"]
    is_busy = any(cells[places[name]].strip() for name in measures)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, place in places.items():
        try:
            if is_busy or name in ("start", "end"):
                values[name] = COLUMNS[name][1](cells[place].strip())
        except ValueError as error:
            wrong.append(f"{names[place]} {cells[place]!r} {error}")
    if "start" in values and not wrong:
        midnight = datetime.combine(values["start"].date() + timedelta(days=1), time(), UTC)
        if not values["start"] < values.setdefault("end", midnight) <= midnight:
            wrong.append("the bucket is not within one day (UTC)")
    return values, wrong


def _moment(text: str) -> datetime:
    try:
        if re.fullmatch(r"\d{10}(\.0+)?", text):
            return datetime.fromtimestamp(int(text[:10]), UTC)
        read = datetime.fromisoformat(text)
        moment = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not FIRST <= moment < LAST:
        raise ValueError("is not a time (seconds since 1970, or 2026-11-23T00:00:00)")
    return moment


def _amount(text: str) -> Decimal:
    if not re.fullmatch(r"-?\d{1,18}(\.\d{0,60})?(e-\d\d?)?", text, re.IGNORECASE | re.ASCII):
        raise ValueError("is not a number")
    return Decimal(text)


def _count(text: str) -> Decimal:
    if re.fullmatch(r"\d{1,3}\.\d{3}", text):
        raise ValueError("may have a point between its thousands; write the count in digits only")
    amount = _amount(text)
    if amount < 0 or amount != amount.to_integral_value():
        raise ValueError("is not a count (0, 1, 2 ...)")
    return amount


def _choice(choices: Mapping[str, Any], complaint: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text.lower() not in choices:
            raise ValueError(complaint)
        return choices[text.lower()]

    return read


def _line_item(text: str) -> tuple[str, bool | None]:
    """The model and whether it ran by batch; an item of another service keeps its name, so that nothing matches it."""
    service, _, item = text.rpartition(" | ")
    model = undated(re.sub(r" (text|image|audio)$", "", item.partition(",")[0].strip()))
    if service.lower() in ("", "batch api"):
        return model, bool(service) if item else None
    return f"{service} | {model}", False


COLUMNS: Mapping[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "start": (("start_time", "start_time_iso", "date"), _moment),
    "end": (("end_time", "end_time_iso"), _moment),
    "model": (("model",), str),
    "batch": (("batch", "is_batch"), _choice({"true": True, "false": False, "": None}, "is neither true nor false")),
    "requests": (("num_model_requests", "num_requests", "requests"), _count),
    "input": (("input_tokens", "prompt_tokens"), _count),
    "cached": (("input_cached_tokens", "cached_input_tokens", "cached_tokens"), lambda text: _count(text or "0")),
    "output": (("output_tokens", "completion_tokens"), _count),
    "usd": (("amount_value", "amount", "amount_usd", "cost_usd"), _amount),
    "currency": (("amount_currency", "currency"), _choice({"usd": "usd", "": "usd"}, "is not USD, like the ledger")),
    "line_item": (("line_item",), _line_item),
}
"""Our columns: the names they may have in a file (the first match counts), and how a cell is read."""
