"""The merged batch as Prefect tasks: submit and harvest are persisted; between them lies one wait.

Invariant: all three are keyed on the work (the shard's key) or on the batch it became (its id), so a run that was
killed anywhere goes on where it was, and one that had finished asks the provider for nothing.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import openai
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run

from pressrun.batchfile import Shard
from pressrun.errors import BatchRejected, ProviderUnfit
from pressrun.progress import BatchSeen, Note, tell
from pressrun.routes import batch as route
from pressrun.routes.batch import BatchTicket, BatchView, Harvested, Move
from pressrun.routes.provider import Provider
from tasks.access import client_for
from tasks.keys import content_key

__all__ = ["collect_answers", "submit_batch", "wait_for_batch"]

LONGEST_POLL = 60.0
"""Seconds between polls of a batch that takes hours."""


def _not_refused(_task: Any, _run: TaskRun, state: State) -> bool:
    return not isinstance(state.result(raise_on_failure=False), BatchRejected | ProviderUnfit)


@task(
    name="submit-batch",
    task_run_name="submit batch: {shard.title}",
    retries=3,
    # Long enough for a batch that was created behind a lost answer to show up in the provider's list.
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=_not_refused,
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: content_key("submit", parameters["provider"], parameters["shard"].key),
)
def submit_batch(shard: Shard, provider: Provider, fresh: bool) -> BatchTicket:
    """Submit the merged batch, or adopt the one that already does the same work. Raises `BatchRejected`."""
    with client_for(provider) as client:
        ticket = route.submit(client, shard, run_id=flow_run.id or "", fresh=fresh)
    verb = "Adopted" if ticket.adopted else "Submitted"
    get_run_logger().info("%s batch %s: %s", verb, ticket.batch_id, shard.title)
    return ticket


@task(
    name="wait-for-batch",
    task_run_name="wait for batch {ticket.batch_id}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: content_key(
        "ended", parameters["provider"], parameters["ticket"].batch_id
    ),
)
def wait_for_batch(
    ticket: BatchTicket, shard: Shard, provider: Provider, max_wait: timedelta, first_poll: float
) -> BatchView:
    """Poll until the batch has ended; at the maximum wait, cancel it and wait for what was finished.

    `first_poll` is the first pause in seconds; later ones grow. Returns the last view, which is normally terminal.
    """
    deadline = ticket.created_at + max_wait
    meter = ProgressMeter(shard, ticket, deadline)
    with client_for(provider) as client:
        for pause in route.poll_delays(first_poll, max(first_poll, LONGEST_POLL)):
            view = _look(client, ticket, deadline)
            if view is not None and _ended(client, view, deadline, meter):
                return view
            time.sleep(pause)
    raise AssertionError("poll_delays never ends")


def _ended(client: openai.OpenAI, view: BatchView, deadline: datetime, meter: "ProgressMeter") -> bool:
    """Show a poll and make the move it asks for; True when there is nothing more to wait for."""
    meter.show(view)
    move = route.decide(view, deadline=deadline, now=datetime.now(UTC))
    if move is Move.CANCEL:
        text = (
            f"Batch {view.batch_id} has reached the maximum wait with {view.completed} answers done: cancelling it, "
            "keeping those, and doing the rest in real time"
        )
        get_run_logger().warning(text)
        tell(Note(text=text))
        route.cancel(client, view.batch_id)
    return move in (Move.HARVEST, Move.GIVE_UP)


def _look(client: openai.OpenAI, ticket: BatchTicket, deadline: datetime) -> BatchView | None:
    """One poll; None when it failed and there is time for others, because the batch itself goes on regardless."""
    try:
        return route.look(client, ticket.batch_id)
    except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
        if datetime.now(UTC) > deadline + route.CANCEL_GRACE:
            raise
        get_run_logger().warning("A poll of %s failed (%s); going on", ticket.batch_id, type(error).__name__)
        return None


class ProgressMeter:
    """Shows the polls of one batch: a Prefect progress artifact, the log, and whoever listens in this process."""

    def __init__(self, shard: Shard, ticket: BatchTicket, deadline: datetime) -> None:
        self.title = f"{shard.title} ({ticket.batch_id})"
        self.total = len(shard.calls)
        self.deadline = deadline
        self.last: tuple[str, int] | None = None
        sites = sorted({call.site for call in shard.calls})
        key = f"batch-{sites[0]}-{shard.key[:8]}"
        self.artifact: Any = create_progress_artifact(progress=0.0, key=key, description=self.title)

    def show(self, view: BatchView) -> None:
        """Tell everyone, when something has changed since the last poll."""
        tell(
            BatchSeen(
                batch_id=view.batch_id,
                status=view.status,
                completed=view.completed,
                failed=view.failed,
                total=view.total,
                deadline=self.deadline,
            )
        )
        done = view.completed + view.failed
        if self.last == (view.status, done):
            return
        self.last = (view.status, done)
        get_run_logger().info("Batch %s is %s: %d of %d done", view.batch_id, view.status, done, self.total)
        # A batch that is `finalizing` has all lines done and may still take hours: 100 is for the end.
        percent = 100.0 if view.is_terminal else min(99.0, 100.0 * done / self.total)
        assert isinstance(self.artifact, UUID)
        update_progress_artifact(
            artifact_id=self.artifact,
            progress=percent,
            description=f"{done} of {self.total} done, {view.status}: {self.title}",
        )


@task(
    name="collect-answers",
    task_run_name="collect answers of batch {view.batch_id}",
    retries=3,
    retry_delay_seconds=[2, 10, 60],
    retry_condition_fn=_not_refused,
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: content_key(
        "harvest", parameters["provider"], parameters["view"].batch_id
    ),
)
def collect_answers(view: BatchView, ticket: BatchTicket, shard: Shard, provider: Provider) -> Harvested:
    """Read both result files into one answer a call. Raises `BatchRejected` when nothing of the batch ran."""
    with client_for(provider) as client:
        harvested = route.harvest(client, view, shard, run_id=ticket.run_id)
    if harvested.strays:
        get_run_logger().warning("%d result lines of %s belong to no call", harvested.strays, view.batch_id)
    return harvested
