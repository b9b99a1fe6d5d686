"""The runs of a fleet's sites: started through the work pool, waited for, and asked what became of them.

Invariant: all of them carry the fleet's tag, so a fleet whose process was killed finds what is under way.
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
"""Seconds between looks at the runs of the parts."""


def why_in_this_process(*, simulate: bool, parts: int) -> str | None:
    """Why the sites are not given to other workers; None when they are."""
    if simulate:
        return "the built-in simulator is in this process"
    if not deployment.id:
        return "this run has no work pool"
    return "they are few enough for one" if parts < 2 else None


def start_part(fleet: str, parameters: dict[str, Any]) -> UUID:
    """Have the work pool build some of the sites; returns the run."""
    tags = [f"{FLEET}{fleet}"]
    run: Any = run_deployment(PART, parameters=parameters, timeout=0, as_subflow=False, tags=tags)
    return UUID(str(run.id))


def start_site(fleet: str, parameters: dict[str, Any]) -> UUID:
    """Have the work pool build one site in a run of its own, which may wait for a person; returns the run."""
    tags = [f"{FLEET}{fleet}"]
    run: Any = run_deployment(SITE, parameters=parameters, timeout=0, as_subflow=False, tags=tags)
    return UUID(str(run.id))


def wait_for_parts(fleet: str) -> None:
    """Until every part of the fleet has ended, however; those too that an earlier process of it has started.

    One that has no process any more, or never got one, is started again.
    """
    while True:
        parts = runs_of_fleet(fleet, PARTS)
        are_over = all(run.state and run.state.is_final() for run in parts)
        if not start_again(parts) and are_over:
            return
        time.sleep(LOOK_AGAIN)


def runs_of_fleet(fleet: str, flow_name: str) -> list[FlowRun]:
    """The runs of a flow that belong to a fleet, in the order in which they were made."""
    wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"{FLEET}{fleet}"]))
    return sorted(runs_of([flow_name], wanted), key=lambda run: run.created or datetime.now(UTC))
