"""The merged batch, from calls to answers: submit what fits, wait, harvest, send what is left over, until nothing is.

Invariant: every call ends as exactly one answer, and each decision follows from what the provider and Prefect have
kept (times of creation and end, harvested answers), so a run that is started again decides the same and finds its
batches instead of making new ones.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect.runtime import flow_run

from flows.desk import Desk, Work
from flows.jobs import Job, MergedBatch, cut, say
from pressrun.calls import Answer, Call, Route
from pressrun.errors import BatchRejected
from pressrun.manifest import BatchRecord
from pressrun.progress import CallDone, tell
from pressrun.routes.batch import BatchTicket, BatchView, Harvested, Retention, admitted, refusal_pause
from pressrun.settings import Settings
from pressrun.sharding import Limits
from pressrun.strategy import Leftover
from pressrun.waiting import WaitingFor
from tasks.answers import OVER_CAP
from tasks.batches import (
    UnderWay,
    adopt_batch,
    collect_answers,
    delete_files,
    look_at_batches,
    submit_batch,
    wait_for_batches,
)
from tasks.kept import is_kept
from tasks.waiting import suspend

__all__ = ["answer_by_batch"]

TIMED_OUT = {"expired", "cancelled"}
NEVER_RAN = {"batch_expired", "batch_cancelled", "missing"}
"""Codes of lines that an early end left undone."""
QUEUE_PAUSE = 6
"""First pause after the provider's queue was full, in first pauses between polls: 30 s where those are 5 s."""


def answer_by_batch(
    calls: list[Call], desk: Desk, work: Work, before_suspending: Callable[[], object] = lambda: None
) -> dict[str, Answer]:
    """One answer a call, by id. Those that are `retryable` are for real time; see `BatchStrategy` for the policies.

    `before_suspending` is to wait for all that is under way beside the batch: a suspended run would do it twice.
    Raises `BatchRejected` when validation refuses a batch or a canary fails, `BatchLost` when one cannot be watched.
    """
    if not calls:
        return {}
    canaries = _canaries(calls, desk.strategy.canary_above)
    with TemporaryDirectory(prefix="pressrun-") as folder:
        batch = MergedBatch(
            desk,
            work,
            Path(folder),
            Limits(tokens=Settings().enqueued_tokens),
            {call.id: call for call in calls},
            before_suspending=before_suspending,
        )
        if canaries:
            _run(canaries, batch)
        _check_canaries(batch.answers.values(), len(calls))
        return _run([call for call in calls if call.id not in batch.answers], batch)


def _canaries(calls: list[Call], above: int) -> list[Call]:
    """The first call of each endpoint and model, when there are so many that a common fault would be dear."""
    if len(calls) <= above:
        return []
    ordered = sorted(calls, key=lambda call: (call.endpoint, call.model, call.id))
    return [next(group) for _, group in groupby(ordered, key=lambda call: (call.endpoint, call.model))]


def _check_canaries(answers: Iterable[Answer], total: int) -> None:
    for answer in answers:
        if answer.error is not None and not answer.retryable and answer.code != OVER_CAP:
            raise BatchRejected(
                f"The first of {total} requests was refused ({answer.code}): {answer.error} The others were not sent "
                f"({answer.call_id}). Mend what is wrong and run again, or raise canary_above in the strategy."
            )


def _run(calls: list[Call], batch: MergedBatch) -> dict[str, Answer]:
    batch.waiting += [Job(shard=shard) for shard in cut(calls, batch)]
    while batch.waiting or batch.under_way:
        _submit(batch)
        if batch.under_way:
            for view in _ended(batch):
                _finish(batch.under_way.pop(view.batch_id), view, batch)
        elif batch.waiting:
            _sleep_until(min(job.not_before for job in batch.waiting if job.not_before))
    return batch.answers


def _ended(batch: MergedBatch) -> list[BatchView]:
    """Wait until at least one batch has ended: here, or suspended, as long as the maximum wait lasts."""
    desk = batch.desk
    under_way = [_under_way(job, desk) for job in batch.under_way.values()]
    deadline = min(one.deadline for one in under_way)
    waiting = WaitingFor(deadline=deadline, batch_ids=tuple(batch.under_way))
    for number in count(1):
        if not desk.suspends or datetime.now(UTC) >= deadline:
            break
        if ended := look_at_batches(under_way, desk.provider):
            return ended
        batch.before_suspending()
        suspend(waiting, number)
    # What is past its deadline is cancelled, and that takes minutes at the most.
    return wait_for_batches(under_way, desk.provider, desk.first_poll)


def _submit(batch: MergedBatch) -> None:
    """Submit everything that fits, so that batches run side by side; give up what has waited too long for its turn."""
    now = datetime.now(UTC)
    ready = [job for job in batch.waiting if job.not_before is None or job.not_before <= now]
    under_way = [job.shard for job in batch.under_way.values()]
    fitting = {shard.work for shard in admitted([job.shard for job in ready], under_way, batch.limits)}
    for job in [job for job in ready if job.shard.work in fitting]:
        batch.waiting.remove(job)
        since = job.since or _began(batch)
        is_late = since is not None and now >= since + batch.desk.strategy.max_wait_time
        ticket = _adopt(job, batch.desk) if is_late else _submit_one(job, batch.desk)
        if ticket is None:
            _give_up(job, batch)
            continue
        since = min(since or ticket.created_at, ticket.created_at)
        batch.under_way[ticket.batch_id] = replace(job, ticket=ticket, since=since)


def _began(batch: MergedBatch) -> datetime | None:
    """When this run's first batch was created, for those that wait for their turn behind it."""
    tickets = [job.ticket for job in batch.under_way.values() if job.ticket]
    return min((ticket.created_at for ticket in tickets if ticket.run_id == flow_run.id), default=None)


def _submit_one(job: Job, desk: Desk) -> BatchTicket:
    """A refused batch ran nothing, and its ticket must not be taken from the cache."""
    anew = (desk.fresh and not desk.replay) or job.refusals > 0
    retention = Retention(output_expires_after=desk.strategy.output_expires_after)
    return submit_batch.with_options(refresh_cache=anew)(job.shard, desk.provider, desk.fresh, retention)


def _adopt(job: Job, desk: Desk) -> BatchTicket | None:
    """Past the maximum wait nothing new is submitted, but what an earlier attempt did submit is not lost."""
    return adopt_batch(job.shard, desk.provider)


def _under_way(job: Job, desk: Desk) -> UnderWay:
    assert job.ticket is not None
    assert job.since is not None
    return UnderWay(shard=job.shard, ticket=job.ticket, deadline=job.since + desk.strategy.max_wait_time)


def _finish(job: Job, view: BatchView, batch: MergedBatch) -> None:
    """Take in one batch that has ended: its answers, and what becomes of those that did not come."""
    assert job.ticket is not None
    if view.is_refused and _may_go_again(job, view, batch):
        return
    harvested = _collect(job, view, batch)
    if batch.desk.strategy.delete_files:
        delete_files(view, batch.desk.provider)
    batch.work.batches.append(_record(job, view, harvested))
    _take(job, view, harvested, batch)


def _collect(job: Job, view: BatchView, batch: MergedBatch) -> Harvested:
    """The answers of a batch, in the ledger; a batch that was refused has none, and its calls are free again."""
    assert job.ticket is not None
    books, provider = batch.desk.books, batch.desk.provider
    try:
        harvested = collect_answers(view, job.ticket, job.shard, provider)
        if not all(map(is_kept, harvested.answers)):
            anew = collect_answers.with_options(refresh_cache=True)
            harvested = anew(view, job.ticket, job.shard, provider)
    except BatchRejected:
        books.settle_batch(job.shard.ids, after=job.shard.after, withdrawn=True)
        raise
    paid = [answer for answer in harvested.answers if answer.error is None]
    books.enter_all(batch.calls, paid, batch.work.estimates)
    # One that was given up while it was running may still answer, and be billed.
    if view.is_terminal:
        books.settle_batch(job.shard.ids, after=job.shard.after)
    return harvested


def _may_go_again(job: Job, view: BatchView, batch: MergedBatch) -> bool:
    """Put a refused batch back: when an earlier attempt saw it refused, at once; when the queue was full, later."""
    assert job.ticket is not None
    assert job.since is not None
    is_earlier = job.ticket.run_id != flow_run.id
    if not job.refusals and (is_earlier or (batch.desk.replay and not view.is_queue_full)):
        batch.waiting.append(replace(job, ticket=None, since=None, refusals=1))
        return True
    if not view.is_queue_full:
        return False
    pause = refusal_pause(job.refusals + 1, QUEUE_PAUSE * timedelta(seconds=batch.desk.first_poll))
    again = (view.ended_at or view.created_at) + pause
    if again >= job.since + batch.desk.strategy.max_wait_time:
        _give_up(job, batch)
        return True
    say(
        f"The provider's queue is full ({view.problems[0].message}): {job.shard.title} go again at {again:%H:%M:%S} UTC"
    )
    batch.waiting.append(replace(job, ticket=None, refusals=job.refusals + 1, not_before=again))
    return True


def _give_up(job: Job, batch: MergedBatch) -> None:
    """The maximum wait was over before these calls could be submitted."""
    error = "the maximum wait was over before the provider's queue had room for this"
    answers = [
        Answer(
            call_id=call_id,
            route=Route.BATCH,
            run_id=flow_run.id,
            error=error,
            code="not_submitted",
            retryable=True,
        )
        for call_id in job.shard.ids
    ]
    say(f"{job.shard.title}: {error}")
    batch.desk.books.settle_batch(job.shard.ids, after=job.shard.after, withdrawn=True)
    for answer in answers:
        batch.answers[answer.call_id] = _failed(answer) if batch.desk.strategy.on_timeout is Leftover.FAIL else answer


def _take(job: Job, view: BatchView, harvested: Harvested, batch: MergedBatch) -> None:
    """Keep the answers; what is left over goes by policy."""
    again: list[Call] = []
    for answer in harvested.answers:
        fate = _fate(answer, job, view, harvested.at, batch.desk) if answer.retryable else None
        if fate is Leftover.RESUBMIT:
            again.append(batch.calls[answer.call_id])
            continue
        kept = _failed(answer) if fate is Leftover.FAIL else answer
        batch.answers[answer.call_id] = kept
        if not batch.desk.asks_again(kept):
            reused = kept.run_id != flow_run.id
            tell(CallDone(call=batch.calls[answer.call_id], answer=kept, reused=reused))
    if again:
        say(f"{len(again)} of {job.shard.title} came back unanswered from {view.batch_id}: submitting them again")
        since = None if batch.desk.strategy.on_timeout is Leftover.FAIL else job.since
        batch.waiting += [
            Job(shard=shard, round=job.round + 1, since=since) for shard in cut(again, batch, after=view.batch_id)
        ]


def _fate(answer: Answer, job: Job, view: BatchView, at: datetime, desk: Desk) -> Leftover:
    """What becomes of a call that may yet be answered. It hangs on kept times only, so a replay decides the same."""
    timed_out = answer.code in NEVER_RAN and (view.status in TIMED_OUT or not view.is_terminal)
    policy = desk.strategy.on_timeout if timed_out else desk.strategy.on_retryable
    assert job.ticket is not None
    if policy is Leftover.FAIL and job.ticket.run_id != flow_run.id:
        # The run that it was missing from has ended; this one was started to have it made.
        return Leftover.RESUBMIT
    assert job.since is not None
    is_in_time = (view.ended_at or at) < job.since + desk.strategy.max_wait_time
    if policy is Leftover.RESUBMIT and not (is_in_time and job.round < desk.strategy.max_rounds):
        return Leftover.REALTIME
    return policy


def _failed(answer: Answer) -> Answer:
    reason = f"{answer.error} (the strategy says not to do it in real time)"
    return answer.model_copy(update={"error": reason, "retryable": False})


def _sleep_until(moment: datetime) -> None:
    time.sleep(max(moment - datetime.now(UTC), timedelta(0)).total_seconds())


def _record(job: Job, view: BatchView, harvested: Harvested) -> BatchRecord:
    assert job.ticket is not None
    return BatchRecord(
        id=view.batch_id,
        endpoint=job.shard.endpoint,
        model=job.shard.model,
        status=view.status,
        created_at=job.ticket.created_at,
        after=job.shard.after,
        discrepancies=harvested.discrepancies,
        **harvested.account.model_dump(),
    )
