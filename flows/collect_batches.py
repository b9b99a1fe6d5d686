"""`collect-batches`: wakes every suspended run whose batch has ended, or whose maximum wait is over.

Invariant: it keeps no state: what runs wait for is in Prefect, what has become of batches is at the provider. When it
dies, the next one does what it left undone.
"""

from datetime import UTC, datetime
from typing import Any

import openai
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from pressrun.errors import PressrunError, Refused
from pressrun.routes.batch import look_all
from pressrun.waiting import all_ids, is_due
from tasks.access import client_for, provider_for
from tasks.waiting import resume, suspended_runs

__all__ = ["collect_batches"]

WAITING_FLOW = "build-site"


@flow(name="collect-batches")
def collect_batches() -> State[Any]:
    """Look at the batches that suspended runs wait for, a hundred with one call, and wake the runs that can go on.

    Meant for a schedule, every two minutes. Safe to run at any time and twice at once: a run is woken once.
    """
    try:
        return Completed(message=_collect())
    except PressrunError as error:
        return Failed(name="Refused" if isinstance(error, Refused) else "Failed", message=str(error))
    except openai.OpenAIError as error:
        return Failed(
            message=f"The provider failed ({type(error).__name__}). Nobody was woken; the next run looks again."
        )


def _collect() -> str:
    waiting = suspended_runs(WAITING_FLOW)
    if not waiting:
        return "No run waits for a batch."
    with provider_for(simulate=False, needs_batch=True) as provider, client_for(provider) as client:
        views = look_all(client, all_ids(waiting.values()))
    now = datetime.now(UTC)
    due = [run_id for run_id, one in waiting.items() if is_due(one, views, now)]
    woken = [run_id for run_id in due if resume(run_id)]
    for run_id in woken:
        get_run_logger().info("Woke run %s", run_id)
    return f"{len(waiting)} runs wait for batches; {len(woken)} of them go on now."
