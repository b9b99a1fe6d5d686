"""A plan as text: each step on every route, the chosen routes, what would save more, and when it will be done.

Invariant: no figure stands alone: a forecast has its range and its basis, a saving has its baseline.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pressrun.calls import Route, StepName
from pressrun.costs.forecast import Forecast, ForecastLine, LineForecast
from pressrun.costs.money import percent, share, usd
from pressrun.csvtext import csv_text
from pressrun.durations import say_duration
from pressrun.plan import Plan
from pressrun.prices import Tier
from pressrun.steps import CONFIG, STEPS
from pressrun.strategy import StepRoute

__all__ = [
    "Advice",
    "advice",
    "describe_plan",
    "describe_plans",
    "expected_duration",
    "plan_rows",
    "plans_csv",
    "plans_json",
    "say_basis",
    "say_calls",
    "say_finish",
    "say_plan",
    "say_prices",
    "say_range",
    "say_year",
]

SAID = {Route.BATCH: "batch", Route.REALTIME: "real time", Route.FLEX: "flex"}
"""Routes as a person reads them."""
WAYS = {Route.BATCH: "by batch", Route.REALTIME: "in real time", Route.FLEX: "at flex"}
AT_ONCE = 8
"""Real-time calls in flight at a time."""
WORTH_SAYING = Decimal("0.01")
"""Savings below this share of a site's cost are not mentioned."""


class Advice(NamedTuple):
    """Something that would make the plan cheaper."""

    saving: Decimal
    """USD per site, compared with the current plan."""
    text: str


def advice(plan: Plan) -> list[Advice]:
    """Largest saving first; nothing below 1 % of the plan."""
    found = [_by_batch_instead(plan, line) for line in plan.forecast.lines]
    worth = [one for one in found if one and one.saving >= WORTH_SAYING * plan.forecast.total]
    return sorted(worth, key=lambda one: one.saving, reverse=True)


def _by_batch_instead(plan: Plan, line: LineForecast) -> Advice | None:
    step, model = line.line.step, line.line.model
    if line.line.route is Route.BATCH:
        return None
    # In quotes, after the word step: "10 images" is a step's title, not a number of images.
    title = f'Step "{STEPS[step].title}"'
    if Tier.BATCH not in line.usd_by_tier:
        # A model with a batch price would save half; this is only an estimate, so it is not added to a total.
        return Advice(line.usd / 2, f"{title} cannot be batched with {model}; a model that can be costs half.")
    saving = line.usd - line.usd_by_tier[Tier.BATCH]
    part = percent(share(saving, plan.forecast.total))
    return Advice(
        saving,
        f"{title} by batch would save {usd(saving)} per site ({part} of this plan). Set `{step}: always_batch` in the "
        "strategy, or set the preference to cost.",
    )


def expected_duration(plan: Plan) -> timedelta | None:
    """How long the run should take, based on past runs; None when one of its routes has no history."""
    lines = plan.forecast.lines
    known = {line.line.step: plan.lessons.seconds(line.line.step, line.line.route) for line in lines}
    seconds = {step: each for step, each in known.items() if each is not None}
    if len(seconds) < len(known):
        return None
    first = [line for line in lines if line.line.step is CONFIG.name]
    rest = [line for line in lines if line.line.step is not CONFIG.name]
    return timedelta(seconds=_longest(first, seconds) + _longest(rest, seconds))


def _longest(lines: Sequence[LineForecast], seconds: Mapping[StepName, float]) -> float:
    """For concurrent steps: the longer of the batch and the real-time calls."""
    batched = [line for line in lines if line.line.route is Route.BATCH]
    now = [line for line in lines if line.line.route is not Route.BATCH]
    waiting = max((seconds[line.line.step] for line in batched), default=0.0)
    return max(waiting, sum(seconds[line.line.step] * -(-line.line.calls // AT_ONCE) for line in now))


def say_finish(plan: Plan) -> str:
    """When the run will be done, as a sentence."""
    waits = sum(1 for step in (True, False) if _waits(plan, is_config=step))
    latest = (
        f"The maximum wait for a batch is {say_duration(plan.max_wait)}; unanswered calls then fall back to real time."
        if waits
        else "No step waits for a batch."
    )
    expected = expected_duration(plan)
    if expected is None:
        return f"The duration is unknown, as there are no past runs. {latest}"
    return f"Expected duration, based on past runs: {say_duration(max(expected, timedelta(seconds=1)))}. {latest}"


def _waits(plan: Plan, *, is_config: bool) -> bool:
    lines = plan.forecast.lines
    return any(line.line.route is Route.BATCH and (line.line.step is CONFIG.name) is is_config for line in lines)


def say_range(forecast: Forecast) -> str:
    """`between $0.40 and $0.71`."""
    return f"between {usd(forecast.low)} and {usd(forecast.high)}"


def say_basis(forecast: Forecast) -> str:
    """The basis of the figures."""
    if forecast.is_learned:
        runs = min(line.line.runs for line in forecast.lines)
        return f"based on {runs} past {'run' if runs == 1 else 'runs'}"
    return "token counts are estimates, as there are no past runs yet"


def say_prices(plan: Plan) -> list[str]:
    """Whose prices the forecast uses, one sentence for each source, as the cost report says it."""
    return [f"Prices: {source}." for source in sorted({line.price_source for line in plan.forecast.lines})]


def say_year(plans: Sequence[Plan], sites: int) -> str:
    """The yearly projection for such sites."""
    total, saving = (_mean(plans, name) * sites for name in ("total", "saving"))
    return f"{sites:,} such sites a year: {usd(total)}, saving {usd(saving)} compared with real time."


def _mean(plans: Sequence[Plan], name: str) -> Decimal:
    amounts: list[Decimal] = [getattr(plan.forecast, name) for plan in plans]
    return sum(amounts, Decimal(0)) / len(plans)


def say_plan(plan: Plan) -> str:
    """The plan in one line, for the log."""
    titles: dict[Route, list[str]] = {}
    for route in plan.routes.values():
        titles.setdefault(route.route, []).append(STEPS[route.step].title)
    ways = "; ".join(f"{WAYS[way]}: {', '.join(steps)}" for way, steps in titles.items())
    forecast = f"Forecast {usd(plan.forecast.total)}, {say_range(plan.forecast)}"
    return f"{forecast}; {ways}. For the reasons, see the artifact forecast-{plan.order.brief.slug}."


def describe_plan(plan: Plan) -> str:
    """The plan as Markdown: the route and reason of every step, the forecast, and notes."""
    forecast = plan.forecast
    saved = f"saves {usd(forecast.saving)}, {percent(share(forecast.saving, forecast.realtime_total))}"
    lines = [
        f"# Plan for {plan.order.brief.slug}",
        f"Forecast **{usd(forecast.total)}** ({say_range(forecast)}; {say_basis(forecast)}), against "
        f"{usd(forecast.realtime_total)} for the same in real time ({saved}).",
        say_finish(plan),
        *say_prices(plan),
        *_flex_notes(forecast),
        *(f"> **Note:** {warning}" for warning in plan.warnings),
        "\n".join(f"- {one.text}" for one in advice(plan)),
        _table(plan),
        # In the table, the reasons would be a column only a few words wide.
        "## Reasons\n\n" + "\n".join(_reason(route) for route in plan.routes.values()),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def describe_plans(plans: Sequence[Plan], sites_per_year: int) -> str:
    """One or more plans as Markdown, with the yearly projection."""
    total = sum((plan.forecast.total for plan in plans), Decimal(0))
    head = [f"# Plans for {len(plans)} sites", f"Forecast **{usd(total)}** in total."] if len(plans) > 1 else []
    return (
        "\n\n".join([*head, *map(describe_plan, plans), f"## Yearly projection\n\n{say_year(plans, sites_per_year)}"])
        + "\n"
    )


def _flex_notes(forecast: Forecast) -> list[str]:
    """The plan's cost when flex has no capacity."""
    flex = [line for line in forecast.lines if line.line.route is Route.FLEX]
    if not flex:
        return []
    dearer = sum((line.realtime_usd - line.usd for line in flex), Decimal(0))
    return [
        "A flex request may take minutes. When flex has no capacity, the call is sent at the standard price, "
        f"for a total of at most {usd(forecast.total + dearer)}."
    ]


def _table(plan: Plan) -> str:
    """No column for the model: Prefect's UI has room for seven."""
    head = ["Step", "Calls", "Route", "Forecast", "Real time", "Flex", "Batch"]
    marks = ["---", "--:", "---", "--:", "--:", "--:", "--:"]
    lines = plan.forecast.lines
    total = ["**Total**", sum(line.line.calls for line in lines), "", usd(plan.forecast.total), *_by_tier(lines)]
    rows = [head, marks, *(_row(plan, line) for line in lines), total]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _row(plan: Plan, line: LineForecast) -> list[Any]:
    route = plan.routes[line.line.step]
    return [STEPS[route.step].title, say_calls(line.line), SAID[route.route], usd(line.usd), *_by_tier([line])]


def say_calls(line: ForecastLine) -> str:
    """`6`, or `13 in 1` when a request asks for several items."""
    return str(line.calls) if line.items <= line.calls else f"{line.items} in {line.calls}"


def _by_tier(lines: Sequence[LineForecast]) -> list[str]:
    """The cost of all the lines in real time, at flex and by batch, where all of them can take that route."""
    return [_all_at(lines, tier) for tier in (Tier.STANDARD, Tier.FLEX, Tier.BATCH)]


def _all_at(lines: Sequence[LineForecast], tier: Tier) -> str:
    amounts = [line.usd_by_tier[tier] for line in lines if tier in line.usd_by_tier]
    return usd(sum(amounts, Decimal(0))) if len(amounts) == len(lines) else "-"


def _reason(route: StepRoute) -> str:
    return f"- **{STEPS[route.step].title}**: {SAID[route.route]}, {route.model} ({route.reason})"


def plan_rows(plan: Plan) -> list[dict[str, Any]]:
    """An unrounded row for each step, for tables, CSV and JSON; None where a route is not offered."""
    return [
        {
            "site": plan.order.brief.slug,
            "step": line.line.step.value,
            "items": line.line.items,
            "calls": line.line.calls,
            "model": line.line.model,
            "route": line.line.route.value,
            "input_tokens": line.line.input_tokens,
            "cached_tokens": line.line.cached_tokens,
            "output_tokens": line.line.output_tokens,
            "forecast_usd": f"{line.usd:f}",
            "low_usd": f"{line.low_usd:f}",
            "high_usd": f"{line.high_usd:f}",
            **{f"{tier}_usd": _exact(line, tier) for tier in (Tier.STANDARD, Tier.FLEX, Tier.BATCH)},
            "learned_from_runs": line.line.runs,
            "price_source": line.price_source,
            "why": plan.routes[line.line.step].reason,
        }
        for line in plan.forecast.lines
    ]


def _exact(line: LineForecast, tier: Tier) -> str | None:
    amount = line.usd_by_tier.get(tier)
    return None if amount is None else f"{amount:f}"


def plans_csv(plans: Sequence[Plan]) -> str:
    """One line per site and step."""
    rows = [row for plan in plans for row in plan_rows(plan)]
    return csv_text(list(rows[0]), rows)


def plans_json(plans: Sequence[Plan], sites_per_year: int) -> str:
    """Totals and steps of every plan; amounts are unrounded text."""
    data = {
        "currency": "USD",
        "baseline": "the same calls in real time, at the standard price",
        "total_usd": f"{sum((plan.forecast.total for plan in plans), Decimal(0)):f}",
        "saving_usd": f"{sum((plan.forecast.saving for plan in plans), Decimal(0)):f}",
        "sites_per_year": sites_per_year,
        "yearly_usd": f"{_mean(plans, 'total') * sites_per_year:f}",
        "yearly_saving_usd": f"{_mean(plans, 'saving') * sites_per_year:f}",
        "sites": [
            {
                "site": plan.order.brief.slug,
                "forecast_usd": f"{plan.forecast.total:f}",
                "low_usd": f"{plan.forecast.low:f}",
                "high_usd": f"{plan.forecast.high:f}",
                "realtime_usd": f"{plan.forecast.realtime_total:f}",
                "basis": say_basis(plan.forecast),
                "finish": say_finish(plan),
                "advice": [one.text for one in advice(plan)],
                "warnings": plan.warnings,
                "steps": plan_rows(plan),
            }
            for plan in plans
        ],
    }
    return json.dumps(data, ensure_ascii=False, indent=2)
