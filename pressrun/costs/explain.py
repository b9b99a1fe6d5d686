"""Why a site's cost differs from its forecast, in one sentence.

Invariant: the sentence names the step with the largest variance and that step's largest cause in the same direction; it
says "mostly" only of a cause that accounts for at least half.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pressrun.costs.money import percent, usd

__all__ = ["CAUSES", "Cause", "explanation", "say_calls"]

NAMES = {"config": "The configuration", "seo": "The SEO tags"}
"""How a sentence names a step, where that differs from its name."""


@dataclass(frozen=True)
class Cause:
    """A column of `variance_table`: its heading in a report, what it means, and how a sentence states it."""

    head: str
    note: str
    because: Callable[[Mapping[Any, Any]], str]


def explanation(table: pd.DataFrame) -> list[str]:
    """One sentence on a `variance_table`, or none when every cost matches the forecast."""
    steps = {str(step): row for step, row in table.to_dict("index").items()}
    furthest = max(steps, key=lambda step: abs(steps[step]["variance_usd"]), default=None)
    if furthest is None or not steps[furthest]["variance_usd"]:
        return []
    row = steps[furthest]
    name = NAMES.get(furthest, furthest.capitalize())
    return [f"{name} cost {_how_far(row)}, {_because(row)}."]


def _how_far(row: Mapping[Any, Any]) -> str:
    if row["variance_percent"] is None:
        return f"{usd(row['actual_usd'])}, although the forecast had nothing for this step"
    return f"{percent(abs(row['variance_percent']))} {_more(row['variance_usd'])} than forecast"


def _because(row: Mapping[Any, Any]) -> str:
    off = row["variance_usd"]
    causes = {name: row[name] for name in CAUSES if row[name]}
    largest = max(causes, key=lambda name: causes[name] if off > 0 else -causes[name])
    if len(causes) == 1:
        how = "because"
    else:
        how = "mostly because" if abs(causes[largest]) * 2 >= abs(off) else "mainly because"
    return f"{how} {CAUSES[largest].because(row)}"


def _unforeseen(row: Mapping[Any, Any]) -> str:
    count = row["unforeseen_calls"]
    return f"{say_calls(count)} {_were(count)} not in the plan"


def _usage(row: Mapping[Any, Any]) -> str:
    return f"the tokens used cost {_more(row['usage_usd'])} than expected"


def _route(row: Mapping[Any, Any]) -> str:
    calls = say_calls(row["rerouted_calls"])
    if row["rerouted"] == "real time":
        return f"{calls} fell back to real time"
    return f"{calls} {_were(row['rerouted_calls'])} served by a different route ({row['rerouted']})"


def _calls(row: Mapping[Any, Any]) -> str:
    unanswered, off = row["unanswered_calls"], row["calls_usd"]
    if unanswered > 0 and off < 0:
        return f"{say_calls(unanswered)} in the plan {_were(unanswered)} not answered"
    if unanswered < 0 < off:
        return f"there {_were(-unanswered)} {say_calls(-unanswered)} more than planned"
    return f"the calls as sent were expected to cost {_more(off)} than the calls as forecast"


def _more(amount: Decimal) -> str:
    return "more" if amount > 0 else "less"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def say_calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


CAUSES = {
    "unforeseen_usd": Cause(
        "Unplanned calls",
        "calls that were not in the plan, such as repairs of invalid replies, at their full cost.",
        _unforeseen,
    ),
    "usage_usd": Cause(
        "Token usage", "the tokens of planned calls cost more or less than expected, on the planned route.", _usage
    ),
    "route_usd": Cause(
        "Route change",
        "the difference between what the same tokens cost on the actual route and on the planned one.",
        _route,
    ),
    "calls_usd": Cause(
        "Plan changes",
        "planned calls that were not answered, more calls than planned, or calls whose expected cost changed between "
        "the forecast and the request.",
        _calls,
    ),
}
