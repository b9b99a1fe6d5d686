"""What a fleet is told by: which sites need building, what became of each, and what it cost.

Invariant: every site that was asked for is in the report once, with its outcome; sums are sums of ledger rows.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

import fsspec

from pressrun.calls import Frozen, StepName
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.money import percent, share, usd
from pressrun.costs.sections import SIMULATED
from pressrun.costs.sums import Sums, together
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
    """What became of a site."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    WAITING = "waiting for a person"


class SiteOutcome(Frozen):
    """One site of a fleet."""

    site: str
    """Its slug; of a brief that could not be read, where it stands."""
    outcome: Outcome
    message: str = ""
    """Why, or where to find it."""
    forecast: Decimal | None = None
    """USD."""


def made_from(plan: Plan, strategy: BatchStrategy, provider: str) -> str:
    """What decides a site's content, as a hash: brief, provider, models, and the wishes of the strategy that change it.

    Which way the calls go does not: a bundle that was made in real time need not be made again by batch.
    """
    order = plan.order.model_dump_json(
        include={"brief", "text_model", "image_model", "image_quality", "asking"}, exclude={"brief": {"client"}}
    )
    wishes = strategy.model_dump_json(include={"refined_prompts", "review_images", "regenerate_below"})
    return sha256(f"{provider} {order} {wishes}".encode()).hexdigest()


def is_up_to_date(out: str, slug: str, mark: str) -> bool:
    """Whether a complete bundle is there that was made from the same; `out` is a folder or a URL."""
    try:
        with fsspec.open(f"{out.rstrip('/')}/{slug}/manifest.json") as file:
            account = json.load(file)
    except (FileNotFoundError, ValueError):
        return False
    return bool(account.get("complete") and account.get("made_from") == mark)


class FleetReport(NamedTuple):
    """What a fleet came to."""

    outcomes: list[SiteOutcome]
    """One a site, by slug."""
    spent: Mapping[tuple[str, StepName], Sums]
    """What each site and step cost so far, whichever run paid."""
    batches: int
    """Merged batches that this run waited for."""
    simulated: bool

    @property
    def total(self) -> Sums:
        return together(self.spent.values())

    def of(self, site: str) -> Sums:
        """What a site cost."""
        return together(sums for (name, _), sums in self.spent.items() if name == site)

    @property
    def counts(self) -> Counter[Outcome]:
        """How many sites came to what."""
        return Counter(one.outcome for one in self.outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether there is a complete bundle of every site, or it waits for a person."""
        return not self.counts.keys() & {Outcome.INCOMPLETE, Outcome.FAILED, Outcome.REFUSED}


def spent_by_step(rows: Iterable[LedgerRow]) -> dict[tuple[str, StepName], Sums]:
    """Ledger rows, added up by site and step as they come."""
    spent: dict[tuple[str, StepName], Sums] = {}
    for row in rows:
        spent.setdefault((row.site, row.step), Sums()).add(row)
    return spent


def headline(report: FleetReport) -> str:
    """One line: how many came to what, and what it cost."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    total = report.total
    saved = total.realtime_usd - total.usd
    return (
        f"{'SIMULATED: ' if report.simulated else ''}{len(report.outcomes)} sites: {counts}. Cost {usd(total.usd)}; "
        f"{usd(saved)} ({percent(share(saved, total.realtime_usd))}) less than the same in real time"
    )


def fleet_markdown(report: FleetReport) -> str:
    """The report for a person: what wants attention first, then every site."""
    wanting = [one for one in report.outcomes if one.outcome not in (Outcome.COMPLETE, Outcome.UNCHANGED)]
    parts = [
        "# Fleet",
        f"> **{SIMULATED}**" if report.simulated else "",
        as_markdown(headline(report)) + f". Merged batches: {report.batches}.",
        *(["## What wants attention", *map(_say, wanting)] if wanting else []),
        "## Sites",
        _table(
            ["Site", "Outcome", "Forecast", "Cost", "In real time", "Saved"],
            [*(_site(report, one) for one in report.outcomes), ["**Total**", "", "", *_money(report.total)]],
        ),
        "## Steps",
        _table(["Step", "Calls", "Cost", "In real time", "Saved"], [_step(report, step) for step in _steps(report)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def fleet_rows(report: FleetReport) -> list[dict[str, Any]]:
    """A row for each site and step, and one with the outcome for each site without cost; amounts with every digit."""
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
