"""`pressrun forecast`: what briefs would cost, on every route, before anything is spent.

Invariant: it contacts no provider and spends nothing; it writes only the file that was named.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pressrun.briefs import load_briefs
from pressrun.cli.plan_table import plan_table
from pressrun.costs.money import usd
from pressrun.errors import Refused
from pressrun.plan import Plan, make_plan, past_lessons
from pressrun.planreport import advice, plans_csv, plans_json, say_basis, say_finish, say_prices, say_year
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy, Preference, load_strategy

__all__ = ["forecast"]


def forecast(
    briefs: Annotated[list[Path], typer.Argument(help="Brief files, or folders with briefs.", metavar="BRIEF...")],
    strategy: Annotated[Path | None, typer.Option("--strategy", help="Strategy file (YAML or JSON).")] = None,
    prefer: Annotated[Preference | None, typer.Option(help="Overrides the strategy's preference.")] = None,
    sites: Annotated[int | None, typer.Option(help="Sites per year, for the yearly projection.", min=1)] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Base the forecast on simulated runs.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write all steps to a CSV file, unrounded.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the cost of each step on every route, the chosen plan and what it saves. Spends nothing, needs no key."""
    settings, now = Settings(), datetime.now(UTC)
    chosen = (load_strategy(strategy) if strategy else BatchStrategy()).with_choices(prefer, None)
    lessons = past_lessons(settings, now, simulate=simulate)
    plans = [make_plan(brief, chosen, settings, now, lessons, simulate=simulate) for brief in load_briefs(briefs)]
    yearly = sites or settings.sites_per_year
    if csv:
        try:
            csv.write_text(plans_csv(plans), "utf-8", newline="")
        except OSError as error:
            raise Refused(f"{csv} could not be written: {error.strerror}. Nothing was spent.") from None
    if as_json:
        typer.echo(plans_json(plans, yearly))
        return
    _draw(plans, yearly, Console())


def _notes(plan: Plan) -> list[str]:
    basis = f"Between {usd(plan.forecast.low)} and {usd(plan.forecast.high)}: {say_basis(plan.forecast)}."
    reasons = [f"{step}: {route.reason}" for step, route in plan.routes.items()]
    return [
        basis,
        *say_prices(plan),
        say_finish(plan),
        *plan.warnings,
        *(one.text for one in advice(plan)),
        "",
        *reasons,
        "",
    ]


def _draw(plans: list[Plan], sites_per_year: int, console: Console) -> None:
    for plan in plans:
        console.print(plan_table(plan))
        for text in _notes(plan):
            console.print(text, highlight=False, markup=False)
    total = sum((plan.forecast.total for plan in plans), Decimal(0))
    saving = sum((plan.forecast.saving for plan in plans), Decimal(0))
    console.print(
        f"Forecast {usd(total)}; saves {usd(saving)} compared with real time. {say_year(plans, sites_per_year)}",
        highlight=False,
    )
