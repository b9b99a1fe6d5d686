"""One batch that has ended: its answers, what they cost, and its record.

Invariant: the run that needs an answer records it in the ledger, once it is stored where later runs find it.
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
    """The answers of a batch, with the run's own in the ledger; the calls of a refused batch are released."""
    try:
        harvested = _own_share(job, view, batch) or _read(job, view, batch)
    except BatchRejected:
        withdraw(job.shard)
        raise
    if batch.own:
        _enter(harvested, view, job, batch.own)
    return harvested


def _own_share(job: Job, view: BatchView, batch: MergedBatch) -> Harvested | None:
    """The run's own share of a batch that a fleet has collected."""
    if batch.own is None or not is_shared(job.shard):
        return None
    return share_of(view.batch_id, batch.own.books.budget, batch.sending.provider)


def _read(job: Job, view: BatchView, batch: MergedBatch) -> Harvested:
    """The whole batch, as collected before or, if some of that is gone, from the provider."""
    assert job.ticket is not None
    asked = (view, job.ticket, quoted(job.shard), batch.sending.provider)
    harvested = collect_answers(*asked)
    if all(map(is_kept, harvested.answers)):
        return harvested
    return collect_answers.with_options(refresh_cache=True)(*asked)


def _enter(harvested: Harvested, view: BatchView, job: Job, own: Own) -> None:
    ours = [answer for answer in harvested.answers if answer.call_id in own.calls]
    paid = [answer for answer in ours if answer.error is None or answer.usage.input or answer.usage.output]
    own.books.enter_all(own.calls, paid, own.estimates)
    # A batch that was abandoned while running may still answer and be billed.
    if view.is_terminal:
        own.books.settle_batch([answer.call_id for answer in ours], after=job.shard.after)


def record_of(job: Job, view: BatchView, harvested: Harvested) -> BatchRecord:
    """The batch's entry in the manifest."""
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
