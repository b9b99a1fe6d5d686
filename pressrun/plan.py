"""`Plan`: everything that is decided about a run before its first request.

Invariant: every plan can be priced: its models exist, every step has a route with a reason, and every model has a price
on its route.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from pressrun.brief import SiteBrief
from pressrun.calls import Call, Endpoint, Route, StepName, Usage
from pressrun.costs.forecast import ROUTE_TIERS, Forecast, ForecastLine, forecast_costs
from pressrun.costs.ledger import CallEstimate
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.lessons import NO_LESSONS, Lessons, learn
from pressrun.costs.money import usd
from pressrun.errors import OverBudget, ProviderUnfit
from pressrun.estimates import estimated_usage
from pressrun.frozen import Frozen
from pressrun.models import check_models, model_info
from pressrun.price_age import price_notices
from pressrun.prices import Tariff, Tier, known_tiers, require_prices, tariff
from pressrun.routes.needs import Need
from pressrun.routes.provider import expected_identity
from pressrun.settings import Settings
from pressrun.steps import CONFIG, PIPELINE, REVIEW, STEPS, Asking, Order, Step
from pressrun.steps.config import specimen
from pressrun.steps.review import specimen_images
from pressrun.strategy import BatchStrategy, StepRoute

__all__ = ["Plan", "make_plan", "model_warnings", "past_lessons"]

MEMORY = timedelta(days=180)
"""How far back past runs are considered."""


class Plan(Frozen):
    """The order, the route of every step with its reason, the forecast, and warnings."""

    order: Order
    routes: dict[StepName, StepRoute]
    max_wait: timedelta
    forecast: Forecast
    lessons: Lessons
    """Learned from past runs."""
    tariff: Tariff
    """The prices where the calls are served."""
    warnings: list[str]
    """Such as a model that shuts down within 90 days."""

    def route(self, step: StepName) -> Route:
        return self.routes[step].route

    def realtime_route(self, step: StepName) -> Route:
        """The route of a step's calls that are not, or no longer, batched: REALTIME or FLEX."""
        return self.routes[step].realtime

    @property
    def needs(self) -> frozenset[Need]:
        """What the provider must have. Text may always be asked for in real time: repairs, and what a batch leaves."""
        needs = {Need.CHAT}
        for name, route in self.routes.items():
            is_image = STEPS[name].endpoint is Endpoint.IMAGES
            if route.route is Route.BATCH:
                needs |= {Need.BATCHES, Need.UPLOADS} | ({Need.IMAGE_BATCHES} if is_image else set())
            elif is_image:
                needs.add(Need.IMAGES)
        return frozenset(needs)

    def expect(self, calls: Iterable[Call]) -> dict[str, CallEstimate]:
        """The expected usage and cost of each call, by id; zero for a repair, which is never planned.

        The costs of a step's calls are shares of its forecast, so their sum can be compared with it.
        """
        estimates: dict[str, CallEstimate] = {}
        numbers: Counter[StepName] = Counter()
        for call in calls:
            estimates[call.id] = CallEstimate() if call.repairs else self._estimate(call, numbers[call.step])
            numbers[call.step] += 1
        return estimates

    def _estimate(self, call: Call, number: int) -> CallEstimate:
        line = self.forecast.line(call.step)
        expected = line.line.share(number) if number < line.line.calls else Usage()
        usage = estimated_usage(call, self.order)
        return CallEstimate(
            input_tokens=usage.input,
            output_tokens=usage.output,
            tier=ROUTE_TIERS[self.route(call.step)],
            usd=line.rates.cost(expected),
        )

    def stay_within(self, cap: Decimal | None) -> None:
        """Raise `OverBudget` when the forecast is above the cap (USD)."""
        if cap is not None and self.forecast.total > cap:
            raise OverBudget(
                f"The forecast for {self.order.brief.slug} is {usd(self.forecast.total)}, above the cap of "
                f"{usd(cap)}. Nothing was spent. Raise the cap, set the preference to cost, or order fewer images."
            )


def make_plan(
    brief: SiteBrief,
    strategy: BatchStrategy,
    settings: Settings,
    now: datetime,
    lessons: Lessons = NO_LESSONS,
    *,
    simulate: bool = False,
) -> Plan:
    """Make the plan. Raises `ProviderUnfit` (retired model, batch impossible) or `UnknownPrice`; spends nothing.

    `lessons` are learned from past runs. `simulate`: for the built-in simulator, at OpenAI's prices and by the names of
    its models, as the simulator has no deployments.
    """
    prices = tariff(settings, simulate=simulate)
    models = [prices.model(name) if simulate else name for name in (settings.text_model, settings.image_model)]
    text_model, image_model = models
    if simulate:
        strategy = strategy.model_copy(update={"text_batch_model": None, "image_batch_model": None})
    order = Order(
        brief=brief,
        text_model=text_model,
        image_model=image_model,
        image_quality=settings.image_quality,
        known_as={name: prices.model(name) for name in models},
        batch_models=strategy.batch_models,
        asking=Asking(pack=strategy.pack_items, share_prefix=strategy.share_prefix, fit_effort=strategy.fit_effort),
    )
    warnings = model_warnings(order, now.astimezone(UTC).date())
    warnings += price_notices(models, now, prices)
    require_prices(models, now, prices)
    batchable = {model: _batchable(model, now, prices) for model in models}
    # Of the endpoints used here, only Chat Completions offers flex.
    flexible = {Endpoint.CHAT: Tier.FLEX in known_tiers(order.text_model, now, prices), Endpoint.IMAGES: False}
    routes = {}
    for step in [*PIPELINE, *([REVIEW] if strategy.review_images else [])]:
        model = order.model(step.endpoint)
        routes[step.name] = strategy.resolve(
            step.name, model, batchable=batchable[model], flexible=flexible[step.endpoint]
        )
    return Plan(
        order=order,
        routes=routes,
        max_wait=strategy.max_wait_time,
        forecast=forecast_costs(_forecast_lines(order, routes, lessons, strategy.review_images), now, prices),
        lessons=lessons,
        tariff=prices,
        warnings=warnings,
    )


def past_lessons(settings: Settings, now: datetime, *, simulate: bool) -> Lessons:
    """The lessons from the ledger for the configured provider, or for the built-in simulator."""
    if not settings.ledger_file.exists():
        return NO_LESSONS
    identity = expected_identity(settings, simulate=simulate)
    rows = LedgerFile(settings.ledger_file).rows(since=now - MEMORY)
    return learn(row for row in rows if row.provider == identity)


def model_warnings(order: Order, today: date, told: Mapping[str, date] = MappingProxyType({})) -> list[str]:
    """Warnings about the models' shutdowns; `told` has dates from the provider's own list.

    Raises `ProviderUnfit` for a model that no longer answers.
    """
    notices = check_models(map(order.known, [order.text_model, order.image_model]), today, told)
    refused = [notice.text for notice in notices if notice.refused]
    if refused:
        raise ProviderUnfit(f"{' '.join(refused)} Nothing was spent.")
    return [notice.text for notice in notices]


def _batchable(model: str, now: datetime, prices: Tariff) -> bool:
    """Whether a model can be batched at a known price; for a model that is not in our table, only the price counts."""
    info = model_info(prices.model(model))
    return (info is None or info.batch) and Tier.BATCH in known_tiers(model, now, prices)


def _forecast_lines(
    order: Order, routes: dict[StepName, StepRoute], lessons: Lessons, review_images: int
) -> list[ForecastLine]:
    """Real prompts for a configuration of the ordered size, with each step's own estimate of the output."""
    config = specimen(order.brief)
    images = specimen_images(config, review_images)
    planned = order.model_copy(update={"config": config, "images": images})
    return [
        _forecast_line(STEPS[name], planned if name is not CONFIG.name else order, route, lessons)
        for name, route in routes.items()
    ]


def _forecast_line(step: Step, order: Order, route: StepRoute, lessons: Lessons) -> ForecastLine:
    calls = step.calls(order)
    estimate = _sum_of([estimated_usage(call, order) for call in calls])
    lesson = lessons.of(step.name, route.model, order.brief.language)
    expected = lesson.usage(estimate, "expected")
    return ForecastLine(
        step=step.name,
        route=route.route,
        model=route.model,
        calls=len(calls),
        items=sum(len(call.covers) for call in calls),
        input_tokens=expected.input,
        cached_tokens=expected.cached,
        output_tokens=expected.output,
        image_output_tokens=expected.output_image,
        low=lesson.usage(estimate, "low"),
        high=lesson.usage(estimate, "high"),
        runs=lesson.runs,
    )


def _sum_of(usages: list[Usage]) -> Usage:
    return Usage(**{name: sum(getattr(usage, name) for usage in usages) for name in Usage.model_fields})
