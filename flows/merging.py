"""The calls of many sites together: one merged batch for all of them, and step 08 of all sites concurrently.

Invariant: a site that fails does not affect the others: its calls are left out, and its run says why.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from flows.answering import ask_ahead, to_be_batched
from flows.batching import limits, run_jobs
from flows.build_site import calls_of, configure
from flows.desk import Desk, Sending, Work
from flows.jobs import Job, MergedBatch, cut
from pressrun.brief import SiteBrief
from pressrun.calls import Call
from pressrun.costs.books import Books
from pressrun.errors import BatchRejected, StepFailed
from pressrun.steps import CONFIG, Order
from tasks.logs import say

__all__ = ["Member", "answer_together", "configure_all"]


@dataclass
class Member:
    """A site of the fleet in progress."""

    desk: Desk
    work: Work = field(default_factory=Work)
    order: Order | None = None
    """With its configuration, once there is one."""
    failure: str = ""
    """Why the site cannot be built."""

    @property
    def brief(self) -> SiteBrief:
        return self.desk.plan.order.brief

    def config_calls(self) -> list[Call]:
        return CONFIG.calls(self.desk.plan.order)

    def other_calls(self) -> list[Call]:
        """What the configuration orders."""
        return calls_of(self.order, self.desk.strategy) if self.order else []


def configure_all(members: list[Member], sending: Sending) -> int:
    """Step 08 of all sites concurrently; failures are recorded in the members. Returns the number of batches."""
    batches = answer_together(members, Member.config_calls, sending)
    under_way = [future for one in members for future in ask_ahead(one.config_calls(), one.desk, one.work)]
    for future in under_way:
        future.wait()
    for one in members:
        try:
            config = configure(one.desk.plan.order, one.desk, one.work)
        except StepFailed as failed:
            one.failure = str(failed)
        else:
            one.order = one.desk.plan.order.model_copy(update={"config": config})
    return batches


def answer_together(members: list[Member], calls: Callable[[Member], list[Call]], sending: Sending) -> int:
    """Send the calls that go by batch in as few batches as the limits allow, and wait for the answers.

    Nothing is parsed here: each site's own run finds its answers. A site with a call that the provider's validation
    refuses is left out, and its own run reports it; the others are submitted again. Returns the number of batches.
    """
    fit = list(members)
    while True:
        made = cut(partial(_batched, fit, calls), limits())
        batch = MergedBatch(sending, limits(), waiting=[Job(shard=shard) for shard in made.shards])
        try:
            run_jobs(batch)
        except BatchRejected as rejected:
            refused = [one for one in fit if any(call.id in rejected.calls for call in calls(one))]
            if not refused:
                raise
            fit = [one for one in fit if one not in refused]
            say(f"{', '.join(one.brief.slug for one in refused)} left out of the merged batch: {rejected}")
        else:
            return len(batch.records)


def _batched(members: Iterable[Member], calls: Callable[[Member], list[Call]]) -> Iterator[tuple[Books, list[Call]]]:
    for one in members:
        batched = to_be_batched(calls(one), one.desk)
        if batched:
            yield one.desk.books, batched
