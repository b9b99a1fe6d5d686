"""`collect-batches`: wakes every suspended run whose batch has ended, or whose time is over.

It also cancels the batches of runs that were cancelled while they were suspended. Invariant: it keeps no state: what
runs wait for is in Prefect, what has become of batches is at the provider. When it dies, the next one does what it left
undone.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import openai
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.deciding import approve_overdue
from pressrun.cancelling import recent_batches
from pressrun.errors import PressrunError, Refused
from pressrun.routes.batch import BatchView, look_all
from pressrun.waiting import WaitingFor, all_ids, is_due
from tasks.access import client_for, provider_for
from tasks.alerts import alert_of_wait
from tasks.cancelling import batches_awaited, cancel_batches_of, lately_cancelled
from tasks.restarting import lately_crashed, mark_silent, start_again
from tasks.runs import ORDERS, PARTS
from tasks.waiting import wake

__all__ = ["collect_batches"]


@flow(name="collect-batches")
def collect_batches() -> State[Any]:
    """Look at the provider's batches, a hundred with one call; wake the runs that can go on.

    Batches of runs that were cancelled are cancelled too, unless another run waits for them.

    Runs that nobody has answered in time go on as well, when they are to be approved then. Runs whose process was
    killed together with its worker are started again, and those that a worker could not start.

    Meant for a schedule, every two minutes. Safe to run at any time and twice at once: a run is woken once.
    """
    try:
        return Completed(message=f"{_start_again()}{_approve_unanswered()}{_collect()}")
    except PressrunError as error:
        return Failed(name="Refused" if isinstance(error, Refused) else "Failed", message=str(error))
    except openai.OpenAIError as error:
        return Failed(
            message=f"The provider failed ({type(error).__name__}). What was left undone is done by the next run."
        )


def _start_again() -> str:
    """Runs that nobody else would start; they may be those that the last turn has woken."""
    now = datetime.now(UTC)
    for run in mark_silent([*ORDERS, PARTS], now):
        get_run_logger().warning("Nothing is heard of %s any more: its process is gone", run.name)
    # A fleet starts its parts again itself, and waits for them.
    again = start_again(lately_crashed(ORDERS, now))
    return f"Runs without a process that were started again: {len(again)}. " if again else ""


def _approve_unanswered() -> str:
    """Approvals need no provider, so they come before all that may fail with it."""
    approved = approve_overdue(datetime.now(UTC))
    for one in approved:
        get_run_logger().info("Approved %s of %s, as nobody had decided in time", one.question.gate, one.name)
    return f"{len(approved)} runs were approved by policy. " if approved else ""


def _collect() -> str:
    waiting, cancelled_runs = batches_awaited(), lately_cancelled()
    if not waiting and not cancelled_runs:
        return "No run waits for a batch."
    now = datetime.now(UTC)
    awaited = all_ids(waiting.values())
    with provider_for(simulate=False, needs_batch=True) as provider, client_for(provider) as client:
        # One look at the list serves all; only what it lacks is asked for by name.
        views = recent_batches(client, now)
        views |= look_all(client, [batch_id for batch_id in awaited if batch_id not in views])
        due = [run_id for run_id, one in waiting.items() if is_due(one, views, now)]
        woken = wake(due)
        for run_id in woken:
            get_run_logger().info("Woke run %s", run_id)
        own, shared = cancel_batches_of(cancelled_runs, views.values(), awaited, client)
    _tell_of_long_waits(waiting, views)
    told = [f"{len(waiting)} runs wait for batches; {len(woken)} of them go on now."]
    told += [f"Batches of cancelled runs that were cancelled: {len(own)}."] if own else []
    told += [f"Batches of cancelled runs that another run waits for: {len(shared)}."] if shared else []
    return " ".join(told)


def _tell_of_long_waits(waiting: Mapping[UUID, WaitingFor], views: Mapping[str, BatchView]) -> None:
    """Suspended runs cannot tell of it themselves."""
    for run_id, one in waiting.items():
        for view in [views[batch_id] for batch_id in one.batch_ids if batch_id in views]:
            alert_of_wait(view, one.deadline, run_id=run_id)
