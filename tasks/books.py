"""The books that a run enters its calls in.

Invariant: all runs that order the same site from the same provider share a budget, so a cap holds across restarts; one
that was told to pay for everything again has its own, which later runs of the same order go on with.
"""

from decimal import Decimal
from hashlib import sha256

from prefect.runtime import flow_run

from pressrun.costs import Books, LedgerFile, Origin
from pressrun.plan import Plan
from pressrun.routes.provider import Provider
from pressrun.settings import Settings

__all__ = ["books_for"]


def books_for(plan: Plan, provider: Provider, *, cap: Decimal | None, fresh: bool) -> Books:
    """The books of this flow run; `cap` is in USD."""
    path = Settings().ledger_file
    run_id = flow_run.id or ""
    order = plan.order.model_dump_json(include={"brief", "text_model", "image_model", "image_quality"})
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
        table=plan.price_table,
    )
