"""`build-sites`: some of a fleet's sites, one after another, as part of the fleet.

Invariant: a site that fails does not affect the others.
"""

from decimal import Decimal
from typing import Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed

from flows.build_site import build_site
from pressrun.brief import SiteBrief
from pressrun.progress import Note, tell
from pressrun.strategy import BatchStrategy
from tasks.runs import FLEET, fleet_id

__all__ = ["build_each", "build_sites"]


@flow(name="build-sites")
def build_sites(
    briefs: list[SiteBrief],
    strategy: BatchStrategy,
    max_cost_usd: Decimal | None,
    simulate: bool,
    out: str,
    poll_seconds: float,
) -> State[Any]:
    """Build these sites. `build-fleet` starts runs of this flow, each for a part of its sites.

    Args:
        briefs: The sites.
        strategy: The fleet's strategy.
        max_cost_usd: Cost cap per site in US dollars.
        simulate: Use the built-in simulator.
        out: Output folder for the bundles.
        poll_seconds: First poll interval of a batch, in seconds.
    """
    options = {"max_cost_usd": max_cost_usd, "simulate": simulate, "out": out, "poll_seconds": poll_seconds}
    complete = build_each(briefs, fleet_id() or "", strategy=strategy, **options)
    return Completed(message=f"{complete} of {len(briefs)} sites are complete")


def build_each(briefs: list[SiteBrief], fleet: str, **options: Any) -> int:
    """Run `build-site` for each brief as part of a fleet (its flow run id); returns how many were completed."""
    complete = 0
    # The run around these sends heartbeats. Prefect ends a run that sends its own with a pause of up to a second.
    with tags(f"{FLEET}{fleet}"), temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        for brief in briefs:
            state = build_site(brief=brief, **options, return_state=True)
            complete += state.is_completed()
            tell(Note(text=f"{brief.slug}: {state.name}"))
    return complete
