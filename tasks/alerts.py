"""What a person should hear of while it happens: Prefect events, which the automations of `pressrun setup` send on.

Invariant: each is told once of the same thing in a flow run, however often that run is suspended, killed or retried.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from threading import Lock
from uuid import UUID

from prefect.events import emit_event
from prefect.runtime import flow_run

from pressrun.costs.books import Books
from pressrun.costs.money import usd
from pressrun.routes.batch import BatchView
from pressrun.settings import current_settings
from tasks.kept import result_store

__all__ = ["Alert", "alert", "alert_of_budget", "alert_of_wait"]

NEARLY_SPENT = Decimal("0.8")
"""Part of the cap."""


class Alert(StrEnum):
    """The events' names."""

    WAITING_LONG = "pressrun.batch.waiting-long"
    NEARLY_SPENT = "pressrun.budget.80-percent"
    MODEL_RETIRING = "pressrun.model.retiring"
    INCOMPLETE = "pressrun.delivery.incomplete"


def alert(event: Alert, about: str, text: str, *, run_id: UUID | None = None) -> None:
    """Emit an event about `about` (`site.<slug>`, `batch.<id>`), unless the run has told of it before.

    `run_id` is the flow run that it concerns; None means the one that says it. `text` is for a person.
    """
    run = run_id or flow_run.id
    key = f"pressrun-{event}-{about}-{run}"
    with _telling:
        if result_store().exists(key):
            return
        emit_event(
            event,
            resource={"prefect.resource.id": f"pressrun.{about}", "prefect.resource.name": about.partition(".")[2]},
            related=[{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}],
            payload={"text": text},
        )
        result_store().write(text, key=key)


_telling = Lock()
"""Eight threads may see the same at once."""


def alert_of_budget(books: Books, site: str) -> None:
    """Tell when what is spent or under way is above 80 % of the cap."""
    if books.cap is None:
        return
    taken = books.file.committed(books.budget)
    if taken > NEARLY_SPENT * books.cap:
        text = f"{site}: {usd(taken)} of the cap of {usd(books.cap)} are spent or under way."
        alert(Alert.NEARLY_SPENT, f"site.{site}", text)


def alert_of_wait(view: BatchView, deadline: datetime, *, run_id: UUID | None = None) -> None:
    """Tell of a batch that has not ended and waits for longer than half of its maximum wait, or than the setting."""
    hours = current_settings().long_wait_hours
    long = timedelta(hours=hours) if hours else (deadline - view.created_at) / 2
    waited = datetime.now(UTC) - view.created_at
    if view.is_terminal or waited < long:
        return
    text = (
        f"Batch {view.batch_id} is {view.status} since {view.created_at:%d %b %H:%M} UTC: {view.done} of {view.total} "
        f"done. Its maximum wait ends {deadline:%d %b %H:%M} UTC."
    )
    alert(Alert.WAITING_LONG, f"batch.{view.batch_id}", text, run_id=run_id)
