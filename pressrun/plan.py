"""`Plan`: everything that is decided about a run before its first request.

Invariant: a plan that was made can be paid for: its models exist, every step has a route with a reason, and every
model has a price on its route.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from pressrun.brief import SiteBrief
from pressrun.calls import Call, Endpoint, Frozen, Route, StepName, canonical_json
from pressrun.costs import Forecast, ForecastLine, LineForecast, forecast_costs, percent, usd
from pressrun.durations import say_duration
from pressrun.errors import OverBudget, ProviderUnfit, UnknownPrice
from pressrun.models import check_models, model_info
from pressrun.prices import PriceTable, Tier, load_price_table, unit_prices
from pressrun.settings import Settings
from pressrun.steps import CONFIG, STEPS, Asking, Order, Step
from pressrun.steps.config import specimen
from pressrun.strategy import BatchStrategy, StepRoute
from pressrun.tokens import estimate_tokens

__all__ = ["Plan", "describe_plan", "make_plan", "price_table"]

SAID = {Route.BATCH: "batch", Route.REALTIME: "real time", Route.FLEX: "flex"}
"""Routes as a person reads them."""


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

    def realtime_route(self, step: StepName) -> Route:
        """The route of a step's calls that are asked now, batched before or not: REALTIME or FLEX."""
        return self.routes[step].realtime

    @property
    def needs_batch(self) -> bool:
        return any(route.route is Route.BATCH for route in self.routes.values())

    def stay_within(self, cap: Decimal | None) -> None:
        """Raise `OverBudget` when the forecast is above the cap (USD)."""
        if cap is not None and self.forecast.total > cap:
            raise OverBudget(
                f"The forecast for {self.order.brief.slug} is {usd(self.forecast.total)}, above the cap of "
                f"{usd(cap)}. Nothing was spent. Raise the cap, prefer cost, or order fewer images."
            )


def make_plan(brief: SiteBrief, strategy: BatchStrategy, settings: Settings, now: datetime) -> Plan:
    """Decide everything. Raises `ProviderUnfit` (retired model, batch impossible) or `UnknownPrice`; spends nothing."""
    order = Order(
        brief=brief,
        text_model=settings.text_model,
        image_model=settings.image_model,
        image_quality=settings.image_quality,
        asking=Asking(pack=strategy.pack_items, share_prefix=strategy.share_prefix, fit_effort=strategy.fit_effort),
    )
    warnings = _check_models(order, now.astimezone(UTC).date())
    table = price_table(settings)
    batchable = {model: _batchable(model, now, table) for model in (order.text_model, order.image_model)}
    # Of our endpoints only Chat Completions has the tier.
    flexible = {Endpoint.CHAT: _has_price(order.text_model, Tier.FLEX, now, table), Endpoint.IMAGES: False}
    routes = {}
    for name, step in STEPS.items():
        model = order.model(step.endpoint)
        routes[name] = strategy.resolve(name, model, batchable=batchable[model], flexible=flexible[step.endpoint])
    return Plan(
        order=order,
        routes=routes,
        max_wait=strategy.max_wait_time,
        forecast=forecast_costs(_forecast_lines(order, routes), now, table),
        price_table=table,
        warnings=warnings,
    )


def price_table(settings: Settings) -> PriceTable | None:
    """The user's own prices, if the settings name a file of them. Raises `BadBrief` for a faulty file."""
    return load_price_table(settings.prices_file) if settings.prices_file else None


def _check_models(order: Order, today: date) -> list[str]:
    notices = check_models([order.text_model, order.image_model], today)
    refused = [notice.text for notice in notices if notice.refused]
    if refused:
        raise ProviderUnfit(f"{' '.join(refused)} Nothing was spent.")
    return [notice.text for notice in notices]


def _batchable(model: str, now: datetime, table: PriceTable | None) -> bool:
    """Whether a model can be asked by batch at a known price; of one that is not in our table only the price tells."""
    info = model_info(model)
    return (info is None or info.batch) and _has_price(model, Tier.BATCH, now, table)


def _has_price(model: str, tier: Tier, now: datetime, table: PriceTable | None) -> bool:
    try:
        unit_prices(model, tier, now, table)
    except UnknownPrice:
        return False
    return True


def _forecast_lines(order: Order, routes: dict[StepName, StepRoute]) -> list[ForecastLine]:
    """Real prompts, made from a configuration of the ordered size, with the steps' own expectation of the output."""
    planned = order.model_copy(update={"config": specimen(order.brief)})
    return [
        _forecast_line(step, planned if step is not CONFIG else order, routes[name]) for name, step in STEPS.items()
    ]


def _forecast_line(step: Step, order: Order, route: StepRoute) -> ForecastLine:
    calls = step.calls(order)
    output = sum(len(call.covers) for call in calls) * step.output_tokens(order)
    return ForecastLine(
        step=step.name,
        route=route.route,
        model=route.model,
        calls=len(calls),
        input_tokens=sum(_input_tokens(call) for call in calls),
        output_tokens=output,
        image_output_tokens=output if step.endpoint is Endpoint.IMAGES else 0,
    )


def _input_tokens(call: Call) -> int:
    if call.endpoint is Endpoint.IMAGES:
        return estimate_tokens(call.body["prompt"])
    return estimate_tokens(canonical_json([call.body["messages"], call.body["response_format"]]))


def describe_plan(plan: Plan) -> str:
    """The plan as Markdown for a person: the route and reason of every step, what it should cost, what to know."""
    forecast = plan.forecast
    saving = percent(forecast.saving / forecast.realtime_total * 100) if forecast.realtime_total else "0%"
    lines = [
        f"# Plan for {plan.order.brief.slug}",
        f"Forecast **{usd(forecast.total)}**, against {usd(forecast.realtime_total)} for the same in real time "
        f"(saves {usd(forecast.saving)}, {saving}). Token counts are estimates.",
        f"A batch may take {say_duration(plan.max_wait)}; what is not answered by then is done in real time.",
        *_flex_notes(forecast),
        *(f"> **Note:** {warning}" for warning in plan.warnings),
        "| Step | Calls | Model | Route | Forecast | In real time | By batch |\n|---|--:|---|---|--:|--:|--:|\n"
        + "\n".join([*(_plan_row(plan, step) for step in plan.routes), _total(forecast)]),
        # Beside the figures the reasons would be a column a few words wide.
        "## Why\n\n" + "\n".join(_plan_reason(route) for route in plan.routes.values()),
    ]
    return "\n\n".join(lines) + "\n"


def _flex_notes(forecast: Forecast) -> list[str]:
    """What the plan comes to where flex lets it down."""
    flex = [line for line in forecast.lines if line.line.route is Route.FLEX]
    if not flex:
        return []
    dearer = sum((line.realtime_usd - line.usd for line in flex), Decimal(0))
    return [
        "A flex request may take minutes; when flex has no capacity, the call is asked at the standard price, "
        f"which would make the total {usd(forecast.total + dearer)} at most."
    ]


def _plan_row(plan: Plan, step: StepName) -> str:
    route = plan.routes[step]
    line = next(line for line in plan.forecast.lines if line.line.step is step)
    cells = [
        STEPS[step].title,
        str(line.line.calls),
        route.model,
        SAID[route.route],
        usd(line.usd),
        usd(line.realtime_usd),
        _by_batch([line]),
    ]
    return f"| {' | '.join(cells)} |"


def _total(forecast: Forecast) -> str:
    calls = sum(line.line.calls for line in forecast.lines)
    amounts = f"{usd(forecast.total)} | {usd(forecast.realtime_total)} | {_by_batch(forecast.lines)}"
    return f"| **Total** | {calls} |  |  | {amounts} |"


def _by_batch(lines: list[LineForecast]) -> str:
    """What all the lines would cost by batch, when all of them can go that way."""
    amounts = [line.usd_by_tier[Tier.BATCH] for line in lines if Tier.BATCH in line.usd_by_tier]
    return usd(sum(amounts, Decimal(0))) if len(amounts) == len(lines) else "not offered"


def _plan_reason(route: StepRoute) -> str:
    return f"- **{STEPS[route.step].title}**: {SAID[route.route]} ({route.reason})"
