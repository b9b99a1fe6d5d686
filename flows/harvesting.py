"""One batch that has ended: its answers, what they cost, and its record.

Invariant: an answer is entered in the ledger by the run that wants it, once it is kept where later runs find it.
"""

from flows.jobs import Job, MergedBatch, Own, withdraw
from pressrun.errors import BatchRejected
from pressrun.manifest import BatchRecord
from pressrun.routes.batch import BatchView, Harvested
from tasks.batches import collect_answers, is_shared
from tasks.kept import is_kept, share_of
from tasks.quoting import quoted

__all__ = ["collect", "record_of"]


def collect(job: Job, view: BatchView, batch: MergedBatch) -> Harvested:
    """The answers of a batch, the own ones in the ledger; the calls of one that was refused are free again."""
    try:
        harvested = _own_share(job, view, batch) or _read(job, view, batch)
    except BatchRejected:
        withdraw(job.shard)
        raise
    if batch.own:
        _enter(harvested, view, job, batch.own)
    return harvested


def _own_share(job: Job, view: BatchView, batch: MergedBatch) -> Harvested | None:
    """Of a batch that a fleet has collected, what is the run's own."""
    if batch.own is None or not is_shared(job.shard):
        return None
    return share_of(view.batch_id, batch.own.books.budget, batch.sending.provider)


def _read(job: Job, view: BatchView, batch: MergedBatch) -> Harvested:
    """The whole batch, from the provider or as it was collected before; anew when some of that is gone."""
    assert job.ticket is not None
    asked = (view, job.ticket, quoted(job.shard), batch.sending.provider)
    harvested = collect_answers(*asked)
    if all(map(is_kept, harvested.answers)):
        return harvested
    return collect_answers.with_options(refresh_cache=True)(*asked)


def _enter(harvested: Harvested, view: BatchView, job: Job, own: Own) -> None:
    ours = [answer for answer in harvested.answers if answer.call_id in own.calls]
    own.books.enter_all(own.calls, [answer for answer in ours if answer.error is None], own.estimates)
    # One that was given up while it was running may still answer, and be billed.
    if view.is_terminal:
        own.books.settle_batch([answer.call_id for answer in ours], after=job.shard.after)


def record_of(job: Job, view: BatchView, harvested: Harvested) -> BatchRecord:
    """What a manifest says of the batch."""
    assert job.ticket is not None
    return BatchRecord(
        id=view.batch_id,
        endpoint=job.shard.endpoint,
        model=job.shard.model,
        status=view.status,
        created_at=job.ticket.created_at,
        after=job.shard.after,
        sites=len(job.shard.sites),
        discrepancies=harvested.discrepancies,
        **harvested.account.model_dump(),
    )
