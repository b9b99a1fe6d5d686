"""Checks before Prefect is imported or a server is started, so that a refusal comes at once.

Invariant: it never spends anything; the flow repeats every check, because a deployed run has no preflight.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pressrun.brief import SiteBrief
from pressrun.bundle.placing import check_existing
from pressrun.bundle.remote import check_destination
from pressrun.plan import make_plan, past_lessons
from pressrun.routes.provider import Provider, check_provider, open_client
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy

__all__ = ["check_order"]


def check_order(
    briefs: Sequence[SiteBrief],
    strategy: BatchStrategy,
    settings: Settings,
    now: datetime,
    *,
    simulate: bool,
    out: str,
    cap: Decimal | None,
) -> None:
    """Raise `Refused` for whatever the flow would refuse: destination, plan, prices, cap (USD), provider.

    With several sites, each is planned in its own run, so that a refused site does not hold up the others.
    """
    check_destination(out)
    needs_batch = False
    if len(briefs) == 1:
        lessons = past_lessons(settings, now, simulate=simulate)
        plan = make_plan(briefs[0], strategy, settings, now, lessons, simulate=simulate)
        plan.stay_within(cap)
        check_existing(out, briefs[0], simulated=simulate)
        needs_batch = plan.needs_batch
    # Without a key in the environment, there may be one in a Prefect block, which only the flow can read.
    if not simulate and settings.openai_api_key and settings.openai_api_key.get_secret_value():
        provider = Provider(base_url=settings.openai_base_url.rstrip("/"))
        with open_client(provider, settings.openai_api_key, settings) as client:
            check_provider(client, provider.base_url, needs_batch=needs_batch)
