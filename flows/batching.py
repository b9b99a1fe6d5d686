"""The merged batch, from calls to answers: submit what fits, wait, harvest, resubmit what is left, until nothing is.

Invariant: every call ends as exactly one answer, and each decision follows from data stored by the provider and Prefect
(times of creation and end, harvested answers), so a restarted run decides the same and finds its batches instead of
creating new ones.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, groupby

from flows.desk import Desk, Sending, Work
from flows.harvesting import collect, record_of
from flows.jobs import Job, MergedBatch, Own, cut, over_cap, withdraw
from flows.leftovers import failed, fate
from pressrun.calls import Answer, Call, Route
from pressrun.errors import BatchRejected, ResultsGone
from pressrun.progress import CallDone, tell
from pressrun.routes.batch import BatchTicket, BatchView, Harvested, Retention, admitted, refusal_pause
from pressrun.settings import current_settings
from pressrun.sharding import Limits, Shard
from pressrun.strategy import Leftover
from pressrun.waiting import WaitingFor
from tasks.answers import OVER_CAP
from tasks.batches import (
    UnderWay,
    adopt_batch,
    delete_files,
    look_at_batches,
    submit_batch,
    wait_for_batches,
)
from tasks.logs import say
from tasks.quoting import quoted
from tasks.runs import paying_run
from tasks.waiting import suspend

__all__ = ["answer_by_batch", "limits", "run_jobs"]

QUEUE_PAUSE = 6
"""First pause after the provider's queue was full, as a multiple of the first poll interval: 30 s for 5 s."""


def answer_by_batch(
    calls: list[Call], desk: Desk, work: Work, before_suspending: Callable[[], object] = lambda: None
) -> dict[str, Answer]:
    """One answer per call, by id. `retryable` ones fall back to real time; see `BatchStrategy` for the policies.

    `before_suspending` must wait for everything in flight besides the batch, which a suspended run would do twice.
    Raises `BatchRejected` when validation refuses a batch or a canary fails, `BatchLost` when one cannot be monitored.
    """
    if not calls:
        return {}
    own = Own({call.id: call for call in calls}, desk.books, work.estimates)
    batch = MergedBatch(desk, limits(), own, before_suspending=before_suspending)
    canaries = _canaries(calls, desk.strategy.canary_above)
    if canaries:
        _run(canaries, own, batch)
        _check_canaries(batch.answers.values(), len(calls))
    _run([call for call in calls if call.id not in batch.answers], own, batch)
    work.batches += batch.records
    return batch.answers


def limits() -> Limits:
    """What a batch may hold at this provider."""
    return Limits(tokens=current_settings().enqueued_tokens)


def _canaries(calls: list[Call], above: int) -> list[Call]:
    """The first call of each endpoint and model, when there are so many that a common fault would be expensive."""
    if len(calls) <= above:
        return []
    ordered = sorted(calls, key=lambda call: (call.endpoint, call.model, call.id))
    return [next(group) for _, group in groupby(ordered, key=lambda call: (call.endpoint, call.model))]


def _check_canaries(answers: Iterable[Answer], total: int) -> None:
    for answer in answers:
        if answer.error is not None and not answer.retryable and answer.code != OVER_CAP:
            raise BatchRejected(
                f"The first of {total} requests ({answer.call_id}) was refused ({answer.code}): {answer.error} The "
                "others were not sent. Fix the request and run again, or raise canary_above in the strategy."
            )


def _run(calls: list[Call], own: Own, batch: MergedBatch) -> None:
    batch.waiting += [Job(shard=shard) for shard in _cut(calls, own, batch)]
    run_jobs(batch)


def _cut(calls: list[Call], own: Own, batch: MergedBatch, after: str | None = None) -> list[Shard]:
    """The shards of these calls; calls that do not fit under the cap are answered with the reason."""
    made = cut(lambda: [(own.books, calls)], batch.limits, after)
    if made.left_out:
        say(f"{len(made.left_out)} of {len(calls)} calls do not fit under the cap and were not submitted")
    batch.answers |= {call.id: over_cap(books, call) for books, call in made.left_out}
    return made.shards


def run_jobs(batch: MergedBatch) -> None:
    """Submit waiting jobs as they fit, until every job is finished."""
    while batch.waiting or batch.under_way:
        _submit(batch)
        if batch.under_way:
            for view in _ended(batch):
                _finish(batch.under_way.pop(view.batch_id), view, batch)
        elif batch.waiting:
            _sleep_until(min(job.not_before for job in batch.waiting if job.not_before))


def _ended(batch: MergedBatch) -> list[BatchView]:
    """Wait until at least one batch has ended: here, or suspended, as long as the maximum wait lasts."""
    sending = batch.sending
    under_way = [_under_way(job, sending) for job in batch.under_way.values()]
    deadline = min(one.deadline for one in under_way)
    waiting = WaitingFor(deadline=deadline, batch_ids=tuple(batch.under_way))
    for number in count(1):
        if not sending.suspends or datetime.now(UTC) >= deadline:
            break
        if ended := look_at_batches(quoted(under_way), sending.provider):
            return ended
        batch.before_suspending()
        suspend(waiting, number)
    # A batch that was refused may have been adopted again; then its stored end would be read instead of a new look.
    looks_again = any(job.refusals for job in batch.under_way.values())
    # A batch past its deadline is cancelled, which takes a few minutes at most.
    return wait_for_batches.with_options(refresh_cache=looks_again)(
        quoted(under_way), sending.provider, sending.first_poll
    )


def _submit(batch: MergedBatch) -> None:
    """Submit everything that fits, so that batches run concurrently; give up jobs that have waited too long."""
    now = datetime.now(UTC)
    ready = [job for job in batch.waiting if job.not_before is None or job.not_before <= now]
    under_way = [job.shard for job in batch.under_way.values()]
    fitting = {shard.work for shard in admitted([job.shard for job in ready], under_way, batch.limits)}
    for job in [job for job in ready if job.shard.work in fitting]:
        batch.waiting.remove(job)
        since = job.since or _began(batch)
        is_late = since is not None and now >= since + batch.sending.strategy.max_wait_time
        ticket = _adopt(job, batch.sending) if is_late else _submit_one(job, batch.sending)
        if ticket is None:
            _give_up(job, batch)
            continue
        since = min(since or ticket.created_at, ticket.created_at)
        batch.under_way[ticket.batch_id] = replace(job, ticket=ticket, since=since)


def _began(batch: MergedBatch) -> datetime | None:
    """When this run's first batch was created, for jobs that wait behind it."""
    tickets = [job.ticket for job in batch.under_way.values() if job.ticket]
    return min((ticket.created_at for ticket in tickets if ticket.run_id == paying_run()), default=None)


def _submit_one(job: Job, sending: Sending) -> BatchTicket:
    """After a refusal, submit again instead of using the cached ticket: a refused batch ran nothing."""
    anew = (sending.fresh and not sending.replay) or job.refusals > 0
    retention = Retention(output_expires_after=sending.strategy.output_expires_after)
    return submit_batch.with_options(refresh_cache=anew)(quoted(job.shard), sending.provider, sending.fresh, retention)


def _adopt(job: Job, sending: Sending) -> BatchTicket | None:
    """After the maximum wait nothing new is submitted, but a batch from an earlier attempt is still used."""
    return adopt_batch(quoted(job.shard), sending.provider)


def _under_way(job: Job, sending: Sending) -> UnderWay:
    assert job.ticket is not None
    assert job.since is not None
    return UnderWay(shard=job.shard, ticket=job.ticket, deadline=job.since + sending.strategy.max_wait_time)


def _finish(job: Job, view: BatchView, batch: MergedBatch) -> None:
    """Process one ended batch: its answers, and the calls that it left unanswered."""
    assert job.ticket is not None
    if view.is_refused and _may_go_again(job, view, batch):
        return
    try:
        harvested = collect(job, view, batch)
    except ResultsGone:
        if job.refusals or not _was_seen_earlier(job, batch):
            raise
        # As at its adoption, a batch of an earlier attempt whose answers are gone is replaced.
        _submit_anew(job, batch)
        return
    if batch.sending.strategy.delete_files:
        delete_files(view, batch.sending.provider)
    batch.records.append(record_of(job, view, harvested))
    if batch.own:
        _take(job, view, harvested, batch.own, batch)


def _may_go_again(job: Job, view: BatchView, batch: MergedBatch) -> bool:
    """Requeue a refused batch: at once if an earlier attempt saw the refusal or its input file was lost, later if the
    queue was full.
    """
    assert job.ticket is not None
    assert job.since is not None
    is_stale = _is_of_another_run(job) or (_was_seen_earlier(job, batch) and not view.is_queue_full)
    if not job.refusals and (is_stale or view.is_without_file):
        _submit_anew(job, batch)
        return True
    if not view.is_queue_full:
        return False
    pause = refusal_pause(job.refusals + 1, QUEUE_PAUSE * timedelta(seconds=batch.sending.first_poll))
    again = (view.ended_at or job.ticket.created_at) + pause
    if again >= job.since + batch.sending.strategy.max_wait_time:
        _give_up(job, batch)
        return True
    say(
        f"The provider's queue is full ({view.problems[0].message}): resubmitting {job.shard.title} at "
        f"{again:%H:%M:%S} UTC"
    )
    batch.waiting.append(replace(job, ticket=None, refusals=job.refusals + 1, not_before=again))
    return True


def _submit_anew(job: Job, batch: MergedBatch) -> None:
    """Submit a job again, once, in place of a batch that gave no answers."""
    batch.waiting.append(replace(job, ticket=None, since=None, refusals=1))


def _is_of_another_run(job: Job) -> bool:
    return job.ticket is not None and job.ticket.run_id != paying_run()


def _was_seen_earlier(job: Job, batch: MergedBatch) -> bool:
    """Whether the batch is of another run, or of an earlier attempt at this one."""
    assert job.ticket is not None
    is_earlier = batch.sending.replay and job.ticket.created_at < batch.sending.started
    return is_earlier or _is_of_another_run(job)


def _give_up(job: Job, batch: MergedBatch) -> None:
    """The maximum wait ended before these calls could be submitted."""
    error = "the maximum wait ended before the provider's queue had room for this"
    say(f"{job.shard.title}: {error}")
    withdraw(job.shard)
    fails = batch.sending.strategy.on_timeout is Leftover.FAIL
    for call_id in job.shard.ids:
        if batch.own and call_id in batch.own.calls:
            answer = Answer(
                call_id=call_id,
                route=Route.BATCH,
                run_id=paying_run(),
                error=error,
                code="not_submitted",
                retryable=True,
            )
            batch.answers[call_id] = failed(answer) if fails else answer


def _take(job: Job, view: BatchView, harvested: Harvested, own: Own, batch: MergedBatch) -> None:
    """Keep the answers to the run's own calls, and apply the policy to the rest."""
    again: list[Call] = []
    for answer in harvested.answers:
        call = own.calls.get(answer.call_id)
        if call is None:
            continue
        policy = fate(answer, job, view, harvested.at, batch.sending) if answer.retryable else None
        if policy is Leftover.RESUBMIT:
            again.append(call)
            continue
        kept = failed(answer) if policy is Leftover.FAIL else answer
        batch.answers[answer.call_id] = kept
        if not batch.sending.asks_again(kept):
            tell(CallDone(call=call, answer=kept, reused=kept.run_id != paying_run()))
    if again:
        say(f"{view.batch_id} left {len(again)} of {job.shard.title} unanswered: resubmitting them")
        since = None if batch.sending.strategy.on_timeout is Leftover.FAIL else job.since
        batch.waiting += [
            Job(shard=shard, round=job.round + 1, since=since) for shard in _cut(again, own, batch, after=view.batch_id)
        ]


def _sleep_until(moment: datetime) -> None:
    time.sleep(max(moment - datetime.now(UTC), timedelta(0)).total_seconds())
