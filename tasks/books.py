"""The accounts in which a run records its calls.

Invariant: all runs that order the same site from the same provider share a budget, so a cap holds across restarts; a
run that starts fresh has its own budget, which later runs of the same order continue.
"""

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

from prefect import task

from pressrun.costs.books import Books
from pressrun.costs.ledger import Origin
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.lessons import Lessons
from pressrun.plan import Plan, past_lessons
from pressrun.routes.provider import Provider
from pressrun.settings import current_settings
from tasks.keys import once_per_fleet
from tasks.runs import paying_run

__all__ = ["books_for", "lessons_for"]


@task(
    name="learn-from-past-runs",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=once_per_fleet,
)
def lessons_for(simulate: bool) -> Lessons:
    """Lessons from past runs; learned once per run, so that a run that continues later keeps its original forecast.

    The runs of a fleet's sites share the fleet's lessons.
    """
    return past_lessons(current_settings(), datetime.now(UTC), simulate=simulate)


def books_for(plan: Plan, provider: Provider, *, cap: Decimal | None, fresh: bool) -> Books:
    """The accounts of this flow run; `cap` is in USD."""
    path = current_settings().ledger_file
    run_id = paying_run()
    order = plan.order.model_dump_json(
        include={"brief", "text_model", "image_model", "image_quality"},
        exclude={"brief": {"client"}},  # the agency's own label, which changes nothing in the order
    )
    work = sha256(f"{provider.identity} {order}".encode()).hexdigest()
    return Books(
        path=path,
        budget=f"{work} {run_id}" if fresh else LedgerFile(path).latest_budget(work),
        origin=Origin(
            run_id=run_id,
            provider=provider.identity,
            simulated=provider.simulated,
            language=plan.order.brief.language,
        ),
        cap=cap,
        tariff=plan.tariff,
    )
