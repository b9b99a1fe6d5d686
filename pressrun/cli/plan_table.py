"""The forecast of one site, as a table for the terminal."""

from rich.table import Table

from pressrun.costs.money import usd
from pressrun.plan import Plan
from pressrun.planreport import say_calls
from pressrun.prices import Tier
from pressrun.steps import STEPS

__all__ = ["plan_table"]


def plan_table(plan: Plan) -> Table:
    """The forecast of one site: each step's route, and its cost on that and on every other route."""
    table = Table(
        title=plan.order.brief.slug,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="dim",
    )
    for name in ("step", "calls", "route", "forecast", "real time", "flex", "batch"):
        table.add_column(name, justify="left" if name in ("step", "route") else "right", no_wrap=True)
    for line in plan.forecast.lines:
        step = line.line.step
        tiers = [line.usd_by_tier.get(tier) for tier in (Tier.STANDARD, Tier.FLEX, Tier.BATCH)]
        table.add_row(
            STEPS[step].title,
            say_calls(line.line),
            plan.route(step),
            usd(line.usd),
            *(usd(amount) if amount is not None else "-" for amount in tiers),
        )
    table.add_section()
    forecast = plan.forecast
    table.add_row("total", "", "", usd(forecast.total), usd(forecast.realtime_total))
    return table
