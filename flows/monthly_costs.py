"""`monthly-costs`: what all sites cost in a month, for whoever pays the bill.

Invariant: it reads only this installation's ledger: it contacts no provider, needs no key and spends nothing.
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
    month: Annotated[Month | None, Choice("choose", "last month"), titled("Month")] = None,
    simulated: Annotated[bool, titled("Simulated runs")] = False,
) -> State[Any]:
    """Publish what a month cost: by site, step, model and route, by week, and compared with the previous month.

    Schedule this flow at the beginning of each month. Spends nothing and needs no key.

    Args:
        month: Year and month, such as 2026-10; days are in UTC.
        simulated: Report what simulated runs would have cost instead of what was actually spent.
    """
    try:
        begin = read_month(month, datetime.now(UTC).date())
        with ledger_to_read(current_settings()) as ledger:
            report = publish_month(ledger, begin, simulated=simulated, compare=True)
    except PressrunError as error:
        return Failed(name="Refused", message=str(error))
    return Completed(message=say_month(report, begin, simulated=simulated))
