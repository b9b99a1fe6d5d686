"""The report and its ledger as CSV and JSON, for programs.

Invariant: both carry every digit of every sum.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pressrun.calls import Usage
from pressrun.costs.ledger import CallEstimate, LedgerRow
from pressrun.costs.report import CostReport
from pressrun.csvtext import csv_text
from pressrun.frozen import Frozen
from pressrun.pricetable import Rates

__all__ = ["to_csv", "to_json"]


def to_csv(rows: Iterable[LedgerRow]) -> str:
    """One line per call, with unrounded amounts.

    The columns are the fields of `LedgerRow`; those of `usage` become `tokens_...`, those of `rates`
    `usd_per_mtok_...`, and those of `estimate` `estimated_...`.
    """
    return csv_text([name for _, names in COLUMNS for name in names], map(_flat, rows))


PARTS: dict[str, tuple[str, type[Frozen]]] = {
    "usage": ("tokens_", Usage),
    "rates": ("usd_per_mtok_", Rates),
    "estimate": ("estimated_", CallEstimate),
}
COLUMNS = [
    (name, [f"{PARTS[name][0]}{part}" for part in PARTS[name][1].model_fields] if name in PARTS else [name])
    for name in LedgerRow.model_fields
]
"""The fields of a row, each with its columns."""


def _flat(row: LedgerRow) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field, names in COLUMNS:
        value = getattr(row, field)
        parts = dict(value).values() if field in PARTS else [value]
        flat.update(zip(names, map(_exact, parts), strict=True))
    return flat


def _exact(value: Any) -> Any:
    """Decimals in plain notation (`0.000000035`, never `3.5E-8`); times as ISO 8601."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if hasattr(value, "isoformat") else value


def to_json(report: CostReport, rows: Sequence[LedgerRow]) -> str:
    """Totals, steps, routes, models, the forecast with causes, and every call; amounts are unrounded text."""
    data = {
        "currency": "USD",
        "baseline": "the same usage at the standard real-time price",
        "total": report.total,
        "realtime_total": report.realtime_total,
        "saving": report.saving,
        "paid_by_this_run": report.paid_now,
        "paid_by_earlier_runs": report.reused,
        "paid_for_invalid_replies": report.invalid,
        "assumed_for_unknown_usage": report.unknown,
        "forecast_total": report.forecast_total,
        "sites": report.sites,
        "sites_per_year": report.sites_per_year,
        "yearly": report.yearly(report.total),
        "yearly_saving": report.yearly(report.saving),
        "price_sources": report.price_sources,
        "by_step": report.by_step.to_dict("index"),
        "by_route": report.by_route.to_dict("index"),
        "by_model": report.by_model.to_dict("index"),
        "forecast_by_step": report.variance.to_dict("index"),
        "calls": [row.model_dump() for row in rows],
    }
    return json.dumps(data, default=_exact, ensure_ascii=False, indent=2)
