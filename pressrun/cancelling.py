"""Which batches to cancel together with a cancelled run.

Invariant: a batch is cancelled only for the run that created it, and only while no other run may be waiting for it: a
run that adopted a batch must not fall back to real time because another run was cancelled.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import takewhile

from openai import OpenAI

from pressrun.routes.batch import BatchView, list_batches

__all__ = ["OLDEST", "in_progress_of", "is_shared", "recent_batches", "say_cancelled"]

OLDEST = timedelta(days=2)
"""A batch ends within a day, so older ones are not checked."""


def recent_batches(client: OpenAI, now: datetime) -> dict[str, BatchView]:
    """The batches of the last two days by id, newest first, with one call per hundred."""
    recent = takewhile(lambda view: (view.created_at or now) > now - OLDEST, list_batches(client))
    return {view.batch_id: view for view in recent}


def in_progress_of(run_id: str, views: Iterable[BatchView], *, site: str | None = None) -> list[BatchView]:
    """The live batches that a run created, and that nobody has cancelled yet; only those of `site`, if given."""
    theirs = [view for view in views if view.metadata.get("flow_run_id") == run_id]
    live = [view for view in theirs if not view.is_terminal and view.status != "cancelling"]
    return [view for view in live if site is None or view.metadata.get("sites") == site]


def is_shared(view: BatchView, *, awaited: Collection[str], sites_under_way: Collection[str]) -> bool:
    """Whether another run may wait for a batch: one that is suspended for it, or one that builds its only site."""
    return view.batch_id in awaited or view.metadata.get("sites") in sites_under_way


def say_cancelled(view: BatchView) -> str:
    """The message about a batch that was cancelled with its run; `view` is its status afterwards."""
    if view.status == "cancelling" or view.is_terminal:
        return (
            f"Cancelled batch {view.batch_id}, which is now {view.status}: {view.completed} of {view.total} answers "
            "were finished. They are kept and billed, like any that still finish before the provider stops it. The "
            "next run of the same brief collects them, reuses its real-time answers, and pays only for the rest."
        )
    return (
        f"Batch {view.batch_id} was asked to stop but is still {view.status}. The next run of collect-batches tries "
        f"again; or run `pressrun batches cancel {view.batch_id}`."
    )
