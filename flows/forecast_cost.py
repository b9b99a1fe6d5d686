"""`forecast-cost`: what sites would cost, on every route, before anything is spent."""

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
    preference: Annotated[Preference | None, Choice("choose", "default"), titled("Preference")] = None,
    sites_per_year: Annotated[PositiveInt | None, Choice("custom", "default"), titled("Sites per year")] = None,
    simulate: Annotated[bool, titled("Use simulated runs")] = False,
    strategy: Annotated[BatchStrategy | None, Choice("custom", "default"), titled("Strategy")] = None,
) -> State[Any]:
    """Forecast what sites would cost: each step in real time, at flex and by batch, with a range and possible savings.

    Spends nothing and needs no key. The figures are based on past runs where there are any.

    Args:
        briefs: The briefs of one or more sites.
        preference: speed: everything in real time. balanced: text by batch (half the price, within hours), images in
            real time. cost: everything by batch where possible. Default: the strategy's preference (balanced).
        sites_per_year: For the yearly projection, 1 or more. Default: from the settings (100).
        simulate: Base the forecast on simulated runs instead of real ones.
        strategy: For experts: the policy for each step, and for calls that a batch leaves unanswered.
    """
    chosen = strategy or BatchStrategy()
    if preference:
        chosen = chosen.model_copy(update={"preference": preference})
    settings, now = current_settings(), datetime.now(UTC)
    try:
        lessons = past_lessons(settings, now, simulate=simulate)
        plans = [make_plan(brief, chosen, settings, now, lessons, simulate=simulate) for brief in briefs]
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
    publish_table(f"forecast-table-{key}", rows, "Each site and step on every route, in USD, unrounded")
