"""What a plan says to a person: each step under every route, the choice, what would save more, when it will be done.

Invariant: a figure is never alone: the forecast stands with its range and what it rests on, a saving with its baseline.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pressrun.calls import Route, StepName
from pressrun.costs.forecast import Forecast, ForecastLine, LineForecast
from pressrun.costs.money import percent, share, usd
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
    "say_range",
    "say_year",
]

SAID = {Route.BATCH: "batch", Route.REALTIME: "real time", Route.FLEX: "flex"}
"""Routes as a person reads them."""
WAYS = {Route.BATCH: "by batch", Route.REALTIME: "in real time", Route.FLEX: "at flex"}
AT_ONCE = 8
"""Real-time calls under way at a time."""
WORTH_SAYING = Decimal("0.01")
"""The part of a site's cost below which a saving is not named."""


class Advice(NamedTuple):
    """Something that would make the plan cheaper."""

    saving: Decimal
    """USD a site, against the plan as it is."""
    text: str


def advice(plan: Plan) -> list[Advice]:
    """What would save the most comes first; nothing below 1 % of the plan."""
    found = [_by_batch_instead(plan, line) for line in plan.forecast.lines]
    worth = [one for one in found if one and one.saving >= WORTH_SAYING * plan.forecast.total]
    return sorted(worth, key=lambda one: one.saving, reverse=True)


def _by_batch_instead(plan: Plan, line: LineForecast) -> Advice | None:
    step, model = line.line.step, line.line.model
    if line.line.route is Route.BATCH:
        return None
    # In quotes, with its word: "10 images" is a step's title, not their number.
    title = f'Step "{STEPS[step].title}"'
    if Tier.BATCH not in line.usd_by_tier:
        # Half of it is what a model with a batch price would save; it is not promised, so it is not summed.
        return Advice(line.usd / 2, f"{title} cannot go by batch with {model}; a model that can costs half.")
    saving = line.usd - line.usd_by_tier[Tier.BATCH]
    part = percent(share(saving, plan.forecast.total))
    return Advice(
        saving,
        f"{title} by batch would save {usd(saving)} a site ({part} of this plan): `{step}: always_batch` in the "
        "strategy, or prefer cost.",
    )


def expected_duration(plan: Plan) -> timedelta | None:
    """How long the run should take, as past runs did; None when one of its routes has none to learn from."""
    lines = plan.forecast.lines
    known = {line.line.step: plan.lessons.seconds(line.line.step, line.line.route) for line in lines}
    seconds = {step: each for step, each in known.items() if each is not None}
    if len(seconds) < len(known):
        return None
    first = [line for line in lines if line.line.step is CONFIG.name]
    rest = [line for line in lines if line.line.step is not CONFIG.name]
    return timedelta(seconds=_longest(first, seconds) + _longest(rest, seconds))


def _longest(lines: Sequence[LineForecast], seconds: Mapping[StepName, float]) -> float:
    """Of steps that go side by side: the batch, or the real-time calls, whichever take longer."""
    batched = [line for line in lines if line.line.route is Route.BATCH]
    now = [line for line in lines if line.line.route is not Route.BATCH]
    waiting = max((seconds[line.line.step] for line in batched), default=0.0)
    return max(waiting, sum(seconds[line.line.step] * -(-line.line.calls // AT_ONCE) for line in now))


def say_finish(plan: Plan) -> str:
    """When it will be done, for people."""
    waits = sum(1 for step in (True, False) if _waits(plan, is_config=step))
    latest = (
        f"A batch may take {say_duration(plan.max_wait)}; what is not answered by then is done in real time."
        if waits
        else "Nothing waits for a batch."
    )
    expected = expected_duration(plan)
    if expected is None:
        return f"No past run tells how long it takes. {latest}"
    return f"Expected to take about {say_duration(max(expected, timedelta(seconds=1)))}, as past runs did. {latest}"


def _waits(plan: Plan, *, is_config: bool) -> bool:
    lines = plan.forecast.lines
    return any(line.line.route is Route.BATCH and (line.line.step is CONFIG.name) is is_config for line in lines)


def say_range(forecast: Forecast) -> str:
    """`between $0.40 and $0.71`."""
    return f"between {usd(forecast.low)} and {usd(forecast.high)}"


def say_basis(forecast: Forecast) -> str:
    """What the figures rest on."""
    if forecast.is_learned:
        runs = min(line.line.runs for line in forecast.lines)
        return f"learned from {runs} past {'run' if runs == 1 else 'runs'}"
    return "token counts are estimates; past runs will correct them"


def say_year(plans: Sequence[Plan], sites: int) -> str:
    """What a year of such sites comes to."""
    total, saving = (_mean(plans, name) * sites for name in ("total", "saving"))
    return f"{sites:,} such sites a year: {usd(total)}, saving {usd(saving)} against the same in real time."


def _mean(plans: Sequence[Plan], name: str) -> Decimal:
    amounts: list[Decimal] = [getattr(plan.forecast, name) for plan in plans]
    return sum(amounts, Decimal(0)) / len(plans)


def say_plan(plan: Plan) -> str:
    """The plan in a line, for the log."""
    titles: dict[Route, list[str]] = {}
    for route in plan.routes.values():
        titles.setdefault(route.route, []).append(STEPS[route.step].title)
    ways = "; ".join(f"{WAYS[way]}: {', '.join(steps)}" for way, steps in titles.items())
    forecast = f"Forecast {usd(plan.forecast.total)}, {say_range(plan.forecast)}"
    return f"{forecast}; {ways}. The reasons are in the artifact forecast-{plan.order.brief.slug}."


def describe_plan(plan: Plan) -> str:
    """The plan as Markdown for a person: the route and reason of every step, what it should cost, what to know."""
    forecast = plan.forecast
    saved = f"saves {usd(forecast.saving)}, {percent(share(forecast.saving, forecast.realtime_total))}"
    lines = [
        f"# Plan for {plan.order.brief.slug}",
        f"Forecast **{usd(forecast.total)}** ({say_range(forecast)}; {say_basis(forecast)}), against "
        f"{usd(forecast.realtime_total)} for the same in real time ({saved}).",
        say_finish(plan),
        *_flex_notes(forecast),
        *(f"> **Note:** {warning}" for warning in plan.warnings),
        "\n".join(f"- {one.text}" for one in advice(plan)),
        _table(plan),
        # Beside the figures the reasons would be a column a few words wide.
        "## Why\n\n" + "\n".join(_reason(route) for route in plan.routes.values()),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def describe_plans(plans: Sequence[Plan], sites_per_year: int) -> str:
    """One or more plans as Markdown, with what a year of such sites comes to."""
    total = sum((plan.forecast.total for plan in plans), Decimal(0))
    head = [f"# Plans for {len(plans)} sites", f"Forecast **{usd(total)}** in all."] if len(plans) > 1 else []
    return "\n\n".join([*head, *map(describe_plan, plans), f"## A year\n\n{say_year(plans, sites_per_year)}"]) + "\n"


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


def _table(plan: Plan) -> str:
    """No column for the model: Prefect's page has room for seven."""
    head = ["Step", "Calls", "Route", "Forecast", "In real time", "At flex", "By batch"]
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
    """What all the lines would cost in real time, at flex and by batch, where all of them can go that way."""
    return [_all_at(lines, tier) for tier in (Tier.STANDARD, Tier.FLEX, Tier.BATCH)]


def _all_at(lines: Sequence[LineForecast], tier: Tier) -> str:
    amounts = [line.usd_by_tier[tier] for line in lines if tier in line.usd_by_tier]
    return usd(sum(amounts, Decimal(0))) if len(amounts) == len(lines) else "-"


def _reason(route: StepRoute) -> str:
    return f"- **{STEPS[route.step].title}**: {SAID[route.route]}, {route.model} ({route.reason})"


def plan_rows(plan: Plan) -> list[dict[str, Any]]:
    """A row for each step with every digit, for tables, CSV and JSON; what a route does not offer is None."""
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
    """One line a site and step."""
    rows = [row for plan in plans for row in plan_rows(plan)]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def plans_json(plans: Sequence[Plan], sites_per_year: int) -> str:
    """Totals and steps of every plan; money is text with every digit."""
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
