"""Alerts for people: Prefect events, which the automations of `pressrun setup` turn into notifications.

Invariant: each alert is sent once per subject and flow run, however often the run is suspended, killed or retried.
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
"""Share of the cap."""


class Alert(StrEnum):
    """The events' names."""

    WAITING_LONG = "pressrun.batch.waiting-long"
    NEARLY_SPENT = "pressrun.budget.80-percent"
    MODEL_RETIRING = "pressrun.model.retiring"
    INCOMPLETE = "pressrun.delivery.incomplete"


def alert(event: Alert, about: str, text: str, *, run_id: UUID | None = None) -> None:
    """Emit an event about `about` (`site.<slug>`, `batch.<id>`), unless the run has already sent it.

    `run_id` is the flow run concerned; None means the current one. `text` is the message.
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
"""Eight threads may detect the same condition at once."""


def alert_of_budget(books: Books, site: str) -> None:
    """Send an alert when spent and committed cost exceed 80 % of the cap."""
    if books.cap is None:
        return
    taken = books.file.committed(books.budget)
    if taken > NEARLY_SPENT * books.cap:
        text = f"{site}: {usd(taken)} of the cap of {usd(books.cap)} is spent or committed."
        alert(Alert.NEARLY_SPENT, f"site.{site}", text)


def alert_of_wait(view: BatchView, deadline: datetime, *, run_id: UUID | None = None) -> None:
    """Send an alert for an unfinished batch after half of its maximum wait, or after the time in the settings."""
    if view.created_at is None:
        return
    hours = current_settings().long_wait_hours
    long = timedelta(hours=hours) if hours else (deadline - view.created_at) / 2
    waited = datetime.now(UTC) - view.created_at
    if view.is_terminal or waited < long:
        return
    text = (
        f"Batch {view.batch_id}, created {view.created_at:%d %b %H:%M} UTC, is still {view.status}: {view.done} of "
        f"{view.total} done. Its maximum wait ends {deadline:%d %b %H:%M} UTC."
    )
    alert(Alert.WAITING_LONG, f"batch.{view.batch_id}", text, run_id=run_id)
