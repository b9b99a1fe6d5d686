"""What happens when a person cancels a run: its batch is cancelled too, and what was paid for is kept.

Invariant: for a run with a process, its hook cancels the batch at once. A suspended run has no process, and Prefect
calls no hook for it; there, and where the hook failed, the next `collect-batches` cancels the batch.
"""

from datetime import UTC, datetime
from typing import Any

import openai
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from pressrun.cancelling import recent_batches
from pressrun.errors import PressrunError
from pressrun.routes.needs import Need
from pressrun.waiting import all_ids
from tasks.access import client_for, provider_for
from tasks.cancelling import batches_awaited, cancel_batches_of

__all__ = ["cancel_batches"]


def cancel_batches(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Cancellation hook of a flow: cancel the batches that the run created, and log which answers are kept.

    Prefect's worker calls it with keyword arguments, so these names are fixed.
    """
    if flow_run.parameters.get("simulate"):
        return  # The built-in simulator ended with the process.
    logger = flow_run_logger(flow_run)
    try:
        awaited = all_ids(batches_awaited().values())
        with provider_for(simulate=False, needs=[Need.BATCHES]) as provider, client_for(provider) as client:
            views = recent_batches(client, datetime.now(UTC)).values()
            _, shared = cancel_batches_of([flow_run], views, awaited, client)
    except (PressrunError, openai.OpenAIError) as error:
        logger.warning("No batch was cancelled (%s). The next run of collect-batches tries again.", error)
        return
    for view in shared:
        logger.info("Batch %s keeps running: another run builds the same site and may wait for it.", view.batch_id)
