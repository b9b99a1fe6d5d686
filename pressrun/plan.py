"""`Plan`: everything that is decided about a run before its first request.

Invariant: a plan that was made can be paid for: its models exist, every step has a route with a reason, and every
model has a price on its route.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from pressrun.brief import SiteBrief
from pressrun.calls import Call, Frozen, Route, StepName, canonical_json
from pressrun.costs import Forecast, ForecastLine, forecast_costs
from pressrun.errors import OverBudget, ProviderUnfit
from pressrun.models import check_models, model_info
from pressrun.prices import PriceTable, load_price_table
from pressrun.settings import Settings
from pressrun.steps import CONFIG, STEPS, Order, Step
from pressrun.steps.config import specimen
from pressrun.strategy import BatchStrategy, StepRoute
from pressrun.tokens import estimate_tokens

__all__ = ["Plan", "make_plan"]


class Plan(Frozen):
    """The order, the route of every step with its reason, the forecast, and what to be warned of."""

    order: Order
    routes: dict[StepName, StepRoute]
    max_wait: timedelta
    forecast: Forecast
    price_table: PriceTable | None
    warnings: list[str]
    """Such as a model that shuts down within 90 days."""

    def route(self, step: StepName) -> Route:
        return self.routes[step].route

    @property
    def needs_batch(self) -> bool:
        return any(route.route is Route.BATCH for route in self.routes.values())

    def stay_within(self, cap: Decimal | None) -> None:
        """Raise `OverBudget` when the forecast is above the cap (USD)."""
        if cap is not None and self.forecast.total > cap:
            raise OverBudget(
                f"The forecast for {self.order.brief.slug} is ${self.forecast.total:.4f}, above the cap of ${cap}. "
                "Nothing was spent. Raise the cap, prefer cost, or order fewer images."
            )


def make_plan(brief: SiteBrief, strategy: BatchStrategy, settings: Settings, now: datetime) -> Plan:
    """Decide everything. Raises `ProviderUnfit` (retired model, batch impossible) or `UnknownPrice`; spends nothing."""
    order = Order(
        brief=brief,
        text_model=settings.text_model,
        image_model=settings.image_model,
        image_quality=settings.image_quality,
    )
    warnings = _check_models(order, now.astimezone(UTC).date())
    routes = {name: strategy.resolve(name, _model(step, order), batchable=_batchable(step, order)) for name, step in STEPS.items()}
    table = load_price_table(settings.prices_file) if settings.prices_file else None
    return Plan(
        order=order,
        routes=routes,
        max_wait=strategy.max_wait_time,
        forecast=forecast_costs(_forecast_lines(order, routes), now, table),
        price_table=table,
        warnings=warnings,
    )
