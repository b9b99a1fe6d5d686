"""`collect-batches`: resumes every suspended run whose batch has ended or whose maximum wait is over.

It also cancels the batches of runs that were cancelled while they were suspended. Invariant: it keeps no state: Prefect
knows what runs wait for, and the provider knows the status of batches. If it dies, the next run finishes its work.
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
from flows.ending import failed_by
from pressrun.cancelling import recent_batches
from pressrun.routes.batch import BatchView, look_all
from pressrun.routes.needs import Need
from pressrun.waiting import WaitingFor, all_ids, is_due
from tasks.access import client_for, provider_for
from tasks.alerts import alert_of_wait
from tasks.cancelling import batches_awaited, cancel_batches_of, lately_cancelled
from tasks.logs import quiet_prefect
from tasks.restarting import lately_crashed, mark_silent, start_again
from tasks.runs import ORDERS, PARTS
from tasks.waiting import wake

__all__ = ["collect_batches"]


@flow(name="collect-batches")
def collect_batches() -> State[Any]:
    """Check the provider's batches, a hundred per call, and resume the runs that can continue.

    Batches of cancelled runs are cancelled too, unless another run waits for them.

    Runs whose approval timed out continue as well, if their policy is to approve. Runs whose process was killed
    together with its worker, and runs that a worker could not start, are restarted.

    Schedule this flow every two minutes. It is safe to run at any time, even concurrently: each run is resumed once.
    """
    quiet_prefect()
    try:
        return Completed(message=f"{_start_again()}{_approve_unanswered()}{_collect()}")
    except openai.OpenAIError as error:
        return Failed(message=f"The provider failed ({type(error).__name__}). The next run does what is left.")
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's state says it without a secret
        return failed_by(error)


def _start_again() -> str:
    """Restart runs that nothing else would start, including any that the last turn resumed."""
    now = datetime.now(UTC)
    for run in mark_silent([*ORDERS, PARTS], now):
        get_run_logger().warning("%s sends no heartbeats any more: its process is gone", run.name)
    # A fleet restarts its own parts, and waits for them.
    again = start_again(lately_crashed(ORDERS, now))
    return f"Restarted runs without a process: {len(again)}. " if again else ""


def _approve_unanswered() -> str:
    """Approvals need no provider, so they come before everything that fails when the provider does."""
    approved = approve_overdue(datetime.now(UTC))
    for one in approved:
        get_run_logger().info("Approved %s of %s by policy: nobody decided in time", one.question.gate, one.name)
    return f"Runs approved by policy: {len(approved)}. " if approved else ""


def _collect() -> str:
    waiting, cancelled_runs = batches_awaited(), lately_cancelled()
    if not waiting and not cancelled_runs:
        return "No run waits for a batch."
    now = datetime.now(UTC)
    awaited = all_ids(waiting.values())
    with provider_for(simulate=False, needs=[Need.BATCHES]) as provider, client_for(provider) as client:
        # One listing serves all runs; only batches that it lacks are requested by id.
        views = recent_batches(client, now)
        views |= look_all(client, [batch_id for batch_id in awaited if batch_id not in views])
        due = [run_id for run_id, one in waiting.items() if is_due(one, views, now)]
        woken = wake(due)
        for run_id in woken:
            get_run_logger().info("Resumed run %s", run_id)
        own, shared = cancel_batches_of(cancelled_runs, views.values(), awaited, client)
    _tell_of_long_waits(waiting, views)
    told = [f"Runs waiting for batches: {len(waiting)}; resumed now: {len(woken)}."]
    told += [f"Cancelled batches of cancelled runs: {len(own)}."] if own else []
    told += [f"Batches of cancelled runs kept for other runs: {len(shared)}."] if shared else []
    return " ".join(told)


def _tell_of_long_waits(waiting: Mapping[UUID, WaitingFor], views: Mapping[str, BatchView]) -> None:
    """Suspended runs cannot send this notification themselves."""
    for run_id, one in waiting.items():
        for view in [views[batch_id] for batch_id in one.batch_ids if batch_id in views]:
            alert_of_wait(view, one.deadline, run_id=run_id)
