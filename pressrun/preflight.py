"""Checks before anything is spent; a command makes them before Prefect is imported, so that a refusal comes at once.

Invariant: it never spends anything; the flow repeats every check, because a deployed run has no preflight.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from pressrun.brief import SiteBrief
from pressrun.bundle.placing import check_existing
from pressrun.bundle.remote import check_destination, check_folder
from pressrun.connection import check_variables
from pressrun.costs.database import require_writable
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.shardfile import SHARDS
from pressrun.errors import Refused
from pressrun.plan import make_plan, past_lessons
from pressrun.prefect_api import check_prefect
from pressrun.routes.needs import Need, check_provider
from pressrun.routes.provider import Provider, open_client
from pressrun.settings import Settings, current_settings, spare_simulator
from pressrun.strategy import BatchStrategy

__all__ = ["all_at_once", "check_order", "check_state", "checked_settings", "places"]


def checked_settings(*, simulate: bool) -> Settings:
    """The settings of a command. Raises `Refused` for these and for variables that no client could use.

    A simulated run does without a key, an address, and such variables, if nobody could use them.
    """
    if simulate:
        spare_simulator()
    all_at_once(current_settings, partial(check_variables, simulate=simulate))
    return current_settings()


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
    all_at_once(*places(settings, out), partial(check_prefect, settings))
    needs = frozenset({Need.CHAT})
    if len(briefs) == 1:
        lessons = past_lessons(settings, now, simulate=simulate)

        def planned() -> None:
            nonlocal needs
            plan = make_plan(briefs[0], strategy, settings, now, lessons, simulate=simulate)
            plan.stay_within(cap)
            needs = plan.needs

        all_at_once(planned, partial(check_existing, out, briefs[0], simulated=simulate))
    # Without a key in the environment, there may be one in a Prefect block, which only the flow can read.
    if not simulate and settings.openai_api_key and settings.openai_api_key.get_secret_value():
        provider = Provider(base_url=settings.openai_base_url)
        with open_client(provider, settings.openai_api_key, settings) as client:
            check_provider(client, provider.base_url, needs, settings.text_model)


def places(settings: Settings, out: str) -> list[Callable[[], None]]:
    """The checks of what is written to: the bundles (`out`), the state and the ledger."""
    return [partial(check_destination, out), partial(check_state, settings)]


def check_state(settings: Settings) -> None:
    """Raise `Refused` when the state or the ledger could not be written."""
    check_folder(settings.state_dir, "PRESSRUN_STATE_DIR")
    check_folder(settings.state_dir / SHARDS, "The folder of input files in PRESSRUN_STATE_DIR")
    named = settings.state_dir / settings.ledger_file.name
    if named.is_symlink() and not named.exists():
        raise Refused(f"{named} is a link to nothing. Nothing was spent. Remove it, or restore what it points to.")
    if settings.ledger_file.exists():
        LedgerFile(settings.ledger_file)
        require_writable(settings.ledger_file)


def all_at_once(*checks: Callable[[], object]) -> None:
    """Make every check; raise `Refused` with all that is wrong."""
    faults: list[Refused] = []
    for check in checks:
        try:
            check()
        except Refused as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise Refused("\n".join(["Several things are wrong:", *(f"  {fault}" for fault in faults)]))
