"""Which run pays: a fleet and the runs of its sites count as one.

Invariant: what a fleet has paid for is never told as paid by an earlier run, whichever process and run took it in.
"""

from prefect.runtime import flow_run

__all__ = ["FLEET", "fleet_id", "paying_run"]

FLEET = "fleet:"
"""Begins the tag that the runs of a fleet's sites carry, which ends with the fleet's flow run id."""


def fleet_id() -> str | None:
    """The flow run id of the fleet that this run belongs to, if it does."""
    return next((tag.removeprefix(FLEET) for tag in flow_run.tags if tag.startswith(FLEET)), None)


def paying_run() -> str:
    """The flow run id under which everything that this run pays for is entered."""
    return fleet_id() or flow_run.id or ""
