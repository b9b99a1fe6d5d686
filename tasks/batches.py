"""Batches as Prefect tasks: submit and harvest are persisted; between them is one wait for all batches in flight.

Invariant: all are keyed on the work (the shard's key) or on its batches (their ids), so a killed run continues where it
was, and a finished one makes no requests to the provider.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import openai
from openai import OpenAI
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from pressrun.calls import Answer, Endpoint
from pressrun.costs.shardfile import ShardFile
from pressrun.errors import BatchLost
from pressrun.frozen import Frozen
from pressrun.progress import Note, tell
from pressrun.routes import batch as route
from pressrun.routes.batch import BatchTicket, BatchView, BatchWatch, Decision, Harvested, Move, Retention
from pressrun.routes.failures import say_failure
from pressrun.routes.provider import Provider
from pressrun.settings import current_settings
from pressrun.sharding import Shard
from pressrun.webhooks import Wakeups
from tasks.access import client_for
from tasks.kept import keep, share_out
from tasks.keys import content_key, harvest_key
from tasks.locks import work_lock
from tasks.meter import Meter
from tasks.pace import BATCHES, keep_pace
from tasks.runs import paying_run

__all__ = [
    "UnderWay",
    "adopt_batch",
    "collect_answers",
    "delete_files",
    "is_shared",
    "look_at_batches",
    "record_ticket",
    "submit_batch",
    "wait_for_batches",
]


class UnderWay(Frozen):
    """An awaited batch."""

    shard: Shard
    ticket: BatchTicket
    deadline: datetime
    """When the maximum wait ends."""


def _may_help(task: Any, _run: TaskRun, state: State) -> bool:
    """Whether another attempt may help; listeners are told that there is one, because Prefect asks only before it."""
    failure = state.result(raise_on_failure=False)
    helps = route.may_help(failure)
    if helps:
        why = say_failure(failure) if isinstance(failure, openai.OpenAIError) else str(failure).partition(". ")[0]
        tell(Note(text=f"{task.name}: {why}; trying again"))
    return helps


def _submit_key(_context: Any, parameters: dict[str, Any]) -> str:
    return content_key("submit", parameters["provider"], parameters["shard"].work)


@task(
    name="submit-batch",
    task_run_name="submit batch: {shard.title}",
    retries=4,
    retry_delay_seconds=[1, 5, 20, 60],
    retry_condition_fn=_may_help,
    persist_result=True,
    result_serializer="json",
    cache_key_fn=_submit_key,
)
def submit_batch(shard: Shard, provider: Provider, fresh: bool, retention: Retention) -> BatchTicket:
    """Submit a batch, or adopt the one that already does the same work. Raises `BatchRejected`."""
    lag = timedelta(seconds=current_settings().list_lag if not provider.built_in else 0)
    keep_pace(BATCHES, provider)
    with client_for(provider) as client:
        ticket = route.submit(
            client,
            shard,
            run_id=paying_run(),
            fresh=fresh,
            list_lag=lag,
            lock=work_lock(shard.key),
            retention=retention,
        )
    get_run_logger().info("%s batch %s: %s", "Adopted" if ticket.adopted else "Submitted", ticket.batch_id, shard.title)
    if ticket.replaces:
        _say(f"Batch {ticket.replaces} did this work, but its result files are gone, so it is paid for again")
    return ticket


@task(
    name="record-batch",
    persist_result=True,
    result_serializer="json",
    refresh_cache=True,
    cache_key_fn=_submit_key,
)
def record_ticket(shard: Shard, provider: Provider, ticket: BatchTicket) -> BatchTicket:
    """Make every later `submit_batch` of this work return `ticket`, as if it had submitted it."""
    get_run_logger().info("Recorded %s for %s at %s", ticket.batch_id, shard.title, provider.identity)
    return ticket


@task(
    name="look-for-batch",
    task_run_name="look for a batch of {shard.title}",
    retries=3,
    retry_delay_seconds=[1, 5, 20],
    retry_condition_fn=_may_help,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def adopt_batch(shard: Shard, provider: Provider) -> BatchTicket | None:
    """The existing batch for this work, if there is one; nothing is created."""
    with client_for(provider) as client:
        return route.adopt(client, shard, run_id=paying_run())


@task(
    name="wait-for-batches",
    task_run_name="wait for a batch to end",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: content_key(
        "ended", parameters["provider"], " ".join(sorted(one.ticket.batch_id for one in parameters["under_way"]))
    ),
)
def wait_for_batches(under_way: list[UnderWay], provider: Provider, first_poll: float) -> list[BatchView]:
    """Poll until at least one of the batches has ended, and return the final views of those that have.

    A batch that reaches its deadline is cancelled and awaited until the provider confirms. One call polls all of them.
    The first interval is `first_poll` seconds; later ones grow. Raises `BatchLost` when one can no longer be monitored.
    """
    longest = max(first_poll, current_settings().longest_poll)
    watches = {
        one.ticket.batch_id: BatchWatch(
            deadline=one.deadline, first=timedelta(seconds=first_poll), longest=timedelta(seconds=longest)
        )
        for one in under_way
    }
    meters = {one.ticket.batch_id: Meter(one.shard, one.ticket, one.deadline) for one in under_way}
    with client_for(provider) as client:
        while True:
            views, decisions = route.look_watched(client, watches)
            for batch_id, view in views.items():
                meters[batch_id].show(view)
            for batch_id, decision in decisions.items():
                _act(client, batch_id, decision)
            ended = [views[batch_id] for batch_id, decision in decisions.items() if decision.move is Move.HARVEST]
            if ended:
                return ended
            pause = min(decision.pause for decision in decisions.values())
            # A webhook may end the pause early, but a batch's status always comes from a poll.
            Wakeups(current_settings().state_dir).nap(watches, pause.total_seconds())


@task(name="look-at-batches", task_run_name="look at batches", persist_result=False, cache_policy=NO_CACHE)
def look_at_batches(under_way: list[UnderWay], provider: Provider) -> list[BatchView]:
    """One poll: the batches that have ended. Raises `BatchLost` when one can no longer be monitored."""
    at_once = timedelta(0)
    watches = {
        one.ticket.batch_id: BatchWatch(deadline=one.deadline, first=at_once, longest=at_once) for one in under_way
    }
    with client_for(provider) as client:
        views, decisions = route.look_watched(client, watches)
        for one in under_way:
            if one.ticket.batch_id in views:
                Meter(one.shard, one.ticket, one.deadline).show(views[one.ticket.batch_id])
        for batch_id, decision in decisions.items():
            _act(client, batch_id, decision)
    return [views[batch_id] for batch_id, decision in decisions.items() if decision.move is Move.HARVEST]


def _act(client: OpenAI, batch_id: str, decision: Decision) -> None:
    if decision.move is Move.STOP:
        raise BatchLost(
            f"Batch {batch_id} can no longer be monitored: {decision.text}. Every answer already paid for is kept. Run "
            "again to continue from here."
        )
    if decision.text:
        _say(f"Batch {batch_id}: {decision.text}")
    if decision.move is Move.CANCEL:
        route.cancel(client, batch_id)


def _say(text: str) -> None:
    get_run_logger().warning(text)
    tell(Note(text=text))


@task(
    name="collect-answers",
    task_run_name="collect answers of batch {view.batch_id}",
    retries=4,
    retry_delay_seconds=[1, 5, 20, 60],
    retry_condition_fn=_may_help,
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: harvest_key(parameters["provider"], parameters["view"].batch_id),
)
def collect_answers(view: BatchView, ticket: BatchTicket, shard: Shard, provider: Provider) -> Harvested:
    """Read both result files into one answer per call. Raises `BatchRejected` when none of the batch ran.

    Images, and the answers of shared batches, are written to the result storage one by one; such answers are returned
    without their body.
    """
    keeps = shard.endpoint is Endpoint.IMAGES or is_shared(shard)
    keep_one = partial(keep, provider=provider) if keeps else _as_it_is
    with client_for(provider) as client:
        harvested = route.harvest(client, view, shard, run_id=ticket.run_id, keep=keep_one)
    if harvested.account.strays:
        get_run_logger().warning("%d result lines of %s match no call", harvested.account.strays, view.batch_id)
    for discrepancy in harvested.discrepancies:
        get_run_logger().warning("Batch %s is inconsistent: %s", view.batch_id, discrepancy)
    if is_shared(shard):
        members = ShardFile(current_settings().ledger_file).by_budget(shard)
        share_out(harvested, view.batch_id, members, provider)
    return harvested


def is_shared(shard: Shard) -> bool:
    """Whether it contains calls of several sites."""
    return len(shard.sites) > 1


def _as_it_is(answer: Answer) -> Answer:
    return answer


@task(
    name="delete-files",
    task_run_name="delete the files of batch {view.batch_id}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=lambda _context, parameters: content_key(
        "deleted", parameters["provider"], parameters["view"].batch_id
    ),
)
def delete_files(view: BatchView, provider: Provider) -> list[str]:
    """Delete the input and result files of a harvested batch at the provider; returns the ids of the deleted files."""
    with client_for(provider) as client:
        return route.delete_files(client, view)
