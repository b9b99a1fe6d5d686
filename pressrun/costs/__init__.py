"""What a site costs: forecast before, ledger during, report after.

Invariant: every figure is a `Decimal` sum of ledger rows (or forecast lines) and equals it to the last digit; a saving
is always stated against its baseline: the same usage at the standard real-time price.
"""

from pressrun.costs.books import Books
from pressrun.costs.export import to_csv, to_json
from pressrun.costs.forecast import Forecast, ForecastLine, LineForecast, forecast_costs
from pressrun.costs.ledger import CallEstimate, CallStatus, LedgerRow, Origin, ledger_row
from pressrun.costs.ledgerfile import Commitment, LedgerFile, OverCap
from pressrun.costs.money import percent, usd
from pressrun.costs.page import to_html
from pressrun.costs.render import to_markdown, to_table
from pressrun.costs.report import CostReport, cost_report
from pressrun.costs.shardfile import ShardFile

__all__ = [
    "Books",
    "CallEstimate",
    "CallStatus",
    "Commitment",
    "CostReport",
    "Forecast",
    "ForecastLine",
    "LedgerFile",
    "LedgerRow",
    "LineForecast",
    "Origin",
    "OverCap",
    "ShardFile",
    "cost_report",
    "forecast_costs",
    "ledger_row",
    "percent",
    "to_csv",
    "to_html",
    "to_json",
    "to_markdown",
    "to_table",
    "usd",
]
