"""What happens when a person cancels a run: its batch is cancelled too, and what was paid for is kept.

Invariant: a run that has a process is taken care of by its hook, at once; one that was suspended has none, and Prefect
calls no hook for it: there, and where the hook failed, the next `collect-batches` does the same.
"""

from datetime import UTC, datetime
from typing import Any

import openai
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from pressrun.cancelling import recent_batches
from pressrun.errors import PressrunError
from pressrun.waiting import all_ids
from tasks.access import client_for, provider_for
from tasks.cancelling import batches_awaited, cancel_batches_of

__all__ = ["cancel_batches"]


def cancel_batches(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Hook of a flow that is cancelled: cancel the batches that the run created, and log to it what of them is kept.

    Prefect's worker calls it by keyword, so its arguments have to have these names.
    """
    if flow_run.parameters.get("simulate"):
        return  # The built-in simulator ended with the process.
    logger = flow_run_logger(flow_run)
    try:
        awaited = all_ids(batches_awaited().values())
        with provider_for(simulate=False, needs_batch=True) as provider, client_for(provider) as client:
            views = recent_batches(client, datetime.now(UTC)).values()
            _, shared = cancel_batches_of([flow_run], views, awaited, client)
    except (PressrunError, openai.OpenAIError) as error:
        logger.warning("No batch was cancelled (%s); the next collect-batches tries again.", error)
        return
    for view in shared:
        logger.info("Batch %s goes on: another run makes the same site and may wait for it.", view.batch_id)
