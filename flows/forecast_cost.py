"""`forecast-cost`: what sites would cost, under every route, before anything is spent."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field, PositiveInt

from flows.parameters import Choice, titled
from pressrun.brief import SiteBrief
from pressrun.costs.money import usd
from pressrun.errors import PressrunError
from pressrun.plan import Plan, make_plan, past_lessons
from pressrun.planreport import describe_plans, plan_rows, plans_json
from pressrun.settings import current_settings
from pressrun.strategy import BatchStrategy, Preference
from tasks.reports import publish_markdown, publish_table

__all__ = ["forecast_cost"]


@flow(name="forecast-cost", result_serializer="json")
def forecast_cost(
    briefs: Annotated[list[SiteBrief], Field(min_length=1), titled("Briefs")],
    preference: Annotated[Preference | None, Choice("choose", "as usual"), titled("Preference")] = None,
    sites_per_year: Annotated[PositiveInt | None, Choice("sites", "as usual"), titled("Sites a year")] = None,
    simulate: Annotated[bool, titled("Learn from simulated runs")] = False,
    strategy: Annotated[BatchStrategy | None, Choice("in detail", "as usual"), titled("Strategy")] = None,
) -> State[Any]:
    """Forecast what sites would cost: each step in real time, at flex and by batch, with a range and what would save.

    Spends nothing and needs no key. The figures are learned from past runs where there are any.

    Args:
        briefs: What the clients' interviews gave, one or more sites.
        preference: speed: everything at once. balanced: texts by batch (half the price, within hours), images at
            once. cost: everything by batch that can go. As usual: as the strategy says (balanced).
        sites_per_year: For the yearly figure, 1 or more. As usual: as the settings say (100).
        simulate: Learn from rehearsals instead of from what was really paid.
        strategy: For experts: each step's own way, and what becomes of what a batch leaves undone.
    """
    chosen = strategy or BatchStrategy()
    if preference:
        chosen = chosen.model_copy(update={"preference": preference})
    settings, now = current_settings(), datetime.now(UTC)
    try:
        lessons = past_lessons(settings, now, simulate=simulate)
        plans = [make_plan(brief, chosen, settings, now, lessons) for brief in briefs]
    except PressrunError as error:
        return Failed(name="Refused", message=str(error))
    yearly = sites_per_year or settings.sites_per_year
    _publish(plans, yearly)
    total = sum((plan.forecast.total for plan in plans), Decimal(0))
    return Completed(message=f"Forecast {usd(total)} for {len(plans)} sites", data=plans_json(plans, yearly))


def _publish(plans: list[Plan], sites_per_year: int) -> None:
    key = plans[0].order.brief.slug if len(plans) == 1 else "fleet"
    publish_markdown(f"forecast-{key}", describe_plans(plans, sites_per_year), "Routes and forecast; nothing was spent")
    rows = [row for plan in plans for row in plan_rows(plan)]
    publish_table(f"forecast-table-{key}", rows, "Each site and step under every route, in USD with every digit")
