"""A lock for each piece of work, held by one flow run at a time: Prefect's global concurrency limits.

Invariant: a lock is never held for ever. A process that was killed loses its lease; a slot whose lease was forgotten
(a server keeps leases in its memory, and slots in its database) is freed by whoever has waited for it too long.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

__all__ = ["work_lock"]

LEASE = 60
"""Seconds after which the slot of a process that died is free; a living one renews it."""
LONGEST_WAIT = 120
"""Seconds; by then a dead holder's lease has run out, and a living one is done: it only looks and creates."""


@contextmanager
def work_lock(key: str, longest_wait: float = LONGEST_WAIT) -> Iterator[None]:
    """Hold the lock for work whose key is `key` (hex). Sixteen locks serve all work, so that none is left behind."""
    name = f"pressrun-submit-{key[0]}"
    _ensure(name)
    with ExitStack() as held:
        try:
            held.enter_context(_slot(name, longest_wait))
        except TimeoutError:
            with get_client(sync_client=True) as client:
                client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=0))
            held.enter_context(_slot(name, longest_wait))
        yield


def _slot(name: str, longest_wait: float) -> AbstractContextManager[None]:
    return concurrency(name, occupy=1, lease_duration=LEASE, timeout_seconds=longest_wait)


def _ensure(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            # Another run may have made it in between.
            with suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
