"""Starting many runs without overloading the server."""

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from tasks.runs import YET_TO_BEGIN, in_state

__all__ = ["start_by_and_by"]

AT_ONCE = 4
"""Runs that are started together: each begins with a new process and many requests to the server. With 16, a server on
SQLite answered 503, and the worker gave up two of them."""
BEGIN_WITHIN = 60.0
"""Seconds to wait; after that, no worker is free for them, and the others are started anyway."""


def start_by_and_by(run_ids: Sequence[UUID], start: Callable[[UUID], bool]) -> list[UUID]:
    """Start runs a few at a time, the next when these have begun; returns those for which `start` returns True."""
    started: list[UUID] = []
    for at in range(0, len(run_ids), AT_ONCE):
        _wait_until_begun(started[-AT_ONCE:])
        started += [run_id for run_id in run_ids[at : at + AT_ONCE] if start(run_id)]
    return started


def _wait_until_begun(run_ids: list[UUID]) -> None:
    """Wait until all of the runs have begun, or a minute has passed."""
    unbegun = FlowRunFilter(
        id=FlowRunFilterId(any_=run_ids),
        state=in_state(*YET_TO_BEGIN),
    )
    deadline = time.monotonic() + BEGIN_WITHIN
    with get_client(sync_client=True) as client:
        while run_ids and client.read_flow_runs(flow_run_filter=unbegun) and time.monotonic() < deadline:
            time.sleep(1)
