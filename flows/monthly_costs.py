"""`monthly-costs`: what all sites of a month have cost, for whoever pays the bill.

Invariant: it reads this installation's ledger and nothing else: it asks no provider, needs no key and spends nothing.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import StringConstraints

from flows.parameters import Choice, titled
from pressrun.costs.months import MONTH, read_month, say_month
from pressrun.costs.reading import ledger_to_read
from pressrun.errors import PressrunError
from pressrun.settings import current_settings
from tasks.reports import publish_month

__all__ = ["monthly_costs"]

Month = Annotated[str, StringConstraints(pattern=MONTH)]


@flow(name="monthly-costs")
def monthly_costs(
    month: Annotated[Month | None, Choice("this one", "the one that has ended"), titled("Month")] = None,
    simulated: Annotated[bool, titled("Rehearsals")] = False,
) -> State[Any]:
    """Publish what a month has cost: by site, step, model and route, by week, and beside the month before.

    Meant for a schedule, at the beginning of each month. Spends nothing and needs no key.

    Args:
        month: A year and a month, such as 2026-10; days are counted in UTC.
        simulated: Report what rehearsals would have cost, instead of what was really paid.
    """
    try:
        begin = read_month(month, datetime.now(UTC).date())
        with ledger_to_read(current_settings()) as ledger:
            report = publish_month(ledger, begin, simulated=simulated, compare=True)
    except PressrunError as error:
        return Failed(name="Refused", message=str(error))
    return Completed(message=say_month(report, begin, simulated=simulated))
