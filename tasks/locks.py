"""A lock for each piece of work, held by one flow run at a time: Prefect's global concurrency limits.

Invariant: a lock is never held for ever: a killed process loses its lease, and a server that forgot its leases lets
the slot decay.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

__all__ = ["work_lock"]

LEASE = 60
"""Seconds after which the slot of a process that died is free; a living one renews it."""
DECAY = 1 / 120
"""Slots a second: where leases are kept in the memory of a server that has ended, the slot is free in two minutes."""


@contextmanager
def work_lock(key: str) -> Iterator[None]:
    """Hold the lock for work whose key is `key` (hex). Sixteen locks serve all work, so that none is left behind."""
    name = f"pressrun-submit-{key[0]}"
    _ensure(name)
    with concurrency(name, occupy=1, lease_duration=LEASE, strict=False):
        yield


def _ensure(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            # Another run may have made it in between.
            with suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=name, limit=1, slot_decay_per_second=DECAY)
                )
