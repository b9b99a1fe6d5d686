"""The report of a fleet: which sites need building, the outcome of each, and the cost.

Invariant: every requested site is in the report once, with its outcome; amounts are sums of ledger rows.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

import fsspec

from pressrun.calls import StepName
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.money import percent, share, usd
from pressrun.costs.sections import SIMULATED
from pressrun.costs.sums import Sums, together
from pressrun.frozen import Frozen
from pressrun.plaintext import as_markdown
from pressrun.plan import Plan
from pressrun.strategy import BatchStrategy

__all__ = [
    "FleetReport",
    "Outcome",
    "SiteOutcome",
    "fleet_markdown",
    "fleet_rows",
    "headline",
    "is_up_to_date",
    "made_from",
    "spent_by_step",
]


class Outcome(StrEnum):
    """The outcome of a site."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    WAITING = "waiting for a person"


class SiteOutcome(Frozen):
    """One site of a fleet."""

    site: str
    """Its slug, or the location of a brief that could not be read."""
    outcome: Outcome
    message: str = ""
    """The reason, or where to find the site."""
    forecast: Decimal | None = None
    """USD."""


def made_from(plan: Plan, strategy: BatchStrategy, provider: str) -> str:
    """A hash of what determines a site's content: brief, provider, models, and the strategy options that affect it.

    Routes do not affect it: a bundle that was built in real time need not be rebuilt by batch.
    """
    order = plan.order.model_dump_json(
        include={"brief", "text_model", "image_model", "image_quality", "asking"}, exclude={"brief": {"client"}}
    )
    wishes = strategy.model_dump_json(include={"refined_prompts", "review_images", "regenerate_below"})
    return sha256(f"{provider} {order} {wishes}".encode()).hexdigest()


def is_up_to_date(out: str, slug: str, mark: str) -> bool:
    """Whether `out` (a folder or a URL) has a complete bundle built from the same input."""
    try:
        with fsspec.open(f"{out.rstrip('/')}/{slug}/manifest.json") as file:
            account = json.load(file)
    except (FileNotFoundError, ValueError):
        return False
    return bool(account.get("complete") and account.get("made_from") == mark)


class FleetReport(NamedTuple):
    """The outcome and cost of a fleet."""

    outcomes: list[SiteOutcome]
    """One per site, sorted by slug."""
    spent: Mapping[tuple[str, StepName], Sums]
    """What each site and step cost so far, whichever run paid."""
    batches: int
    """Merged batches that this run waited for."""
    simulated: bool

    @property
    def total(self) -> Sums:
        return together(self.spent.values())

    def of(self, site: str) -> Sums:
        """The cost of one site."""
        return together(sums for (name, _), sums in self.spent.items() if name == site)

    @property
    def counts(self) -> Counter[Outcome]:
        """The number of sites by outcome."""
        return Counter(one.outcome for one in self.outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether every site has a complete bundle or waits for approval."""
        return not self.counts.keys() & {Outcome.INCOMPLETE, Outcome.FAILED, Outcome.REFUSED}


def spent_by_step(rows: Iterable[LedgerRow]) -> dict[tuple[str, StepName], Sums]:
    """Ledger rows, summed by site and step as a stream."""
    spent: dict[tuple[str, StepName], Sums] = {}
    for row in rows:
        spent.setdefault((row.site, row.step), Sums()).add(row)
    return spent


def headline(report: FleetReport) -> str:
    """One line: the number of sites by outcome, and the cost."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    total = report.total
    saved = total.realtime_usd - total.usd
    return (
        f"{'SIMULATED: ' if report.simulated else ''}{len(report.outcomes)} sites: {counts}. Cost {usd(total.usd)}; "
        f"{usd(saved)} ({percent(share(saved, total.realtime_usd))}) less than in real time"
    )


def fleet_markdown(report: FleetReport) -> str:
    """The report as Markdown: sites that need attention first, then every site."""
    wanting = [one for one in report.outcomes if one.outcome not in (Outcome.COMPLETE, Outcome.UNCHANGED)]
    parts = [
        "# Fleet",
        f"> **{SIMULATED}**" if report.simulated else "",
        as_markdown(headline(report)) + f". Merged batches: {report.batches}.",
        *(["## Needs attention", *map(_say, wanting)] if wanting else []),
        "## Sites",
        _table(
            ["Site", "Outcome", "Forecast", "Cost", "Real-time cost", "Saved"],
            [*(_site(report, one) for one in report.outcomes), ["**Total**", "", "", *_money(report.total)]],
        ),
        "## Steps",
        _table(["Step", "Calls", "Cost", "Real-time cost", "Saved"], [_step(report, step) for step in _steps(report)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def fleet_rows(report: FleetReport) -> list[dict[str, Any]]:
    """A row for each site and step, and one with the outcome for each site without cost; amounts are unrounded."""
    outcomes = {one.site: one.outcome for one in report.outcomes}
    rows = [
        {
            "site": site,
            "outcome": outcomes.get(site, ""),
            "step": step,
            "calls": sums.calls,
            "tokens in": sums.input,
            "tokens out": sums.output,
            "cost USD": f"{sums.usd:f}",
            "in real time USD": f"{sums.realtime_usd:f}",
        }
        for (site, step), sums in report.spent.items()
    ]
    paid = {site for site, _ in report.spent}
    return rows + [{"site": one.site, "outcome": one.outcome} for one in report.outcomes if one.site not in paid]


def _say(one: SiteOutcome) -> str:
    return f"- **{as_markdown(one.site)}** ({one.outcome}): {as_markdown(one.message)}"


def _site(report: FleetReport, one: SiteOutcome) -> list[str]:
    forecast = usd(one.forecast) if one.forecast is not None else ""
    return [as_markdown(one.site), one.outcome, as_markdown(forecast), *_money(report.of(one.site))]


def _step(report: FleetReport, step: StepName) -> list[str]:
    sums = together(sums for (_, name), sums in report.spent.items() if name is step)
    return [step, f"{sums.calls:,}", *_money(sums)]


def _steps(report: FleetReport) -> list[StepName]:
    return [step for step in StepName if any(name is step for _, name in report.spent)]


def _money(sums: Sums) -> list[str]:
    saved = sums.realtime_usd - sums.usd
    return [usd(sums.usd), usd(sums.realtime_usd), f"{usd(saved)} ({percent(share(saved, sums.realtime_usd))})"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, marks, *rows])
