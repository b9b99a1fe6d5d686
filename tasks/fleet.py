"""The runs of a fleet's sites: started through the work pool, awaited, and checked for their outcome.

Invariant: all of them carry the fleet's tag, so a fleet whose process was killed finds the runs in progress.
"""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.runtime import deployment

from tasks.restarting import start_again
from tasks.runs import FLEET, PARTS, runs_of

__all__ = ["runs_of_fleet", "start_part", "start_site", "wait_for_parts", "why_in_this_process"]

PART = "build-sites/part-of-a-fleet"
"""The deployment that builds a part of a fleet's sites."""
SITE = "build-site/on-demand"
LOOK_AGAIN = 2.0
"""Seconds between checks of the parts' runs."""


def why_in_this_process(*, simulate: bool, parts: int) -> str | None:
    """Why the sites are not distributed to other workers; None when they are."""
    if simulate:
        return "the built-in simulator runs in this process"
    if not deployment.id:
        return "this run has no work pool"
    return "they fit in one run" if parts < 2 else None


def start_part(fleet: str, parameters: dict[str, Any]) -> UUID:
    """Start a run on the work pool that builds some of the sites; returns its id."""
    tags = [f"{FLEET}{fleet}"]
    run: Any = run_deployment(PART, parameters=parameters, timeout=0, as_subflow=False, tags=tags)
    return UUID(str(run.id))


def start_site(fleet: str, parameters: dict[str, Any]) -> UUID:
    """Start a run on the work pool that builds one site and may wait for approval; returns its id."""
    tags = [f"{FLEET}{fleet}"]
    run: Any = run_deployment(SITE, parameters=parameters, timeout=0, as_subflow=False, tags=tags)
    return UUID(str(run.id))


def wait_for_parts(fleet: str) -> None:
    """Wait until every part of the fleet has ended in any state, including parts that an earlier process started.

    A part that lost its process, or never got one, is restarted.
    """
    while True:
        parts = runs_of_fleet(fleet, PARTS)
        are_over = all(run.state and run.state.is_final() for run in parts)
        if not start_again(parts) and are_over:
            return
        time.sleep(LOOK_AGAIN)


def runs_of_fleet(fleet: str, flow_name: str) -> list[FlowRun]:
    """The runs of a flow that belong to a fleet, in order of creation."""
    wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"{FLEET}{fleet}"]))
    return sorted(runs_of([flow_name], wanted), key=lambda run: run.created or datetime.now(UTC))
