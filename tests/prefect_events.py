"""What the Prefect server of the tests knows of events; its client has no call for that."""

from typing import Any

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

from tests.patience import post

__all__ = ["find_events"]


def find_events(wanted: dict[str, Any]) -> dict[str, Any]:
    """The server's answer to a filter of events."""
    user, password = str(PREFECT_API_AUTH_STRING.value()).split(":")
    reply = post(f"{PREFECT_API_URL.value()}/events/filter", json={"filter": wanted}, auth=(user, password))
    found: dict[str, Any] = reply.json()
    return found
