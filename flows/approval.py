"""Approval by a person: the run is suspended with a form, and goes on with what was decided.

Invariant: each version is put to a person once; a run that goes on later finds the decision that was made, and the time
at which it was first seen.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prefect import get_run_logger, task
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment, flow_run
from pydantic import Field

from pressrun.approval import edited, show_config
from pressrun.errors import Refused, Stopped
from pressrun.manifest import Decision
from pressrun.steps.config import SiteConfig
from tasks.keys import once_per_run
from tasks.waiting import ASKING, answer, runs_that_ask

__all__ = [
    "APPROVE",
    "NEW_VERSION",
    "STOP",
    "ConfigDecision",
    "ask_for_approval",
    "decide",
    "require_approval_possible",
]

APPROVE, NEW_VERSION, STOP = "approve", "new version", "stop"
FIELDS = {"site_name": "site_name", "tagline": "tagline", "site_description": "description", "voice": "voice"}
"""The form's fields with what they change; Prefect has `description` for the text above the form."""


class ConfigDecision(RunInput):
    """The form. What is left as it is stays as it is."""

    decision: Literal["approve", "new version", "stop"] = Field(
        "approve",
        title="Decision",
        description="approve: go on, with the changes below. new version: write it again, by your notes. stop: end.",
    )
    notes: str = Field("", title="Notes", description="For a new version: what should be different.")
    by: str = Field("", title="Your name", description="It goes into the site's manifest.")
    site_name: str = Field("", title="Site name")
    tagline: str = Field("", title="Tagline")
    site_description: str = Field("", title="Description")
    voice: str = Field("", title="Voice", description="Guidance that all writers of the site are given.")


def require_approval_possible() -> None:
    """Raise `Refused` when this run cannot be suspended for a person."""
    if flow_run.parent_flow_run_id or not deployment.id:
        raise Refused(
            "The configuration is to be approved by a person, which only a run of a deployment can wait for. Nothing "
            "was spent. Start it with `prefect deployment run build-site/on-demand` or in the Prefect UI."
        )


def ask_for_approval(config: SiteConfig, version: int, timeout: timedelta) -> tuple[Decision, SiteConfig]:
    """Suspend the run until a person has decided; returns the decision and the configuration as edited.

    Raises `Stopped` when that is what was decided.
    """
    initial: dict[str, Any] = {shown: getattr(config, name) for shown, name in FIELDS.items()}
    form = ConfigDecision.with_initial_data(description=show_config(config, version), **initial)
    told = suspend_flow_run(
        wait_for_input=form, key=f"{ASKING}{version}", timeout=max(60, round(timeout.total_seconds()))
    )
    changes = {name: getattr(told, shown).strip() for shown, name in FIELDS.items()}
    approved, names = edited(config, changes)
    decision = record_decision(version, told.decision, told.by.strip(), told.notes.strip(), names)
    get_run_logger().info("Configuration, version %d: %s%s", version, told.decision, f" ({told.by})" if told.by else "")
    if told.decision == STOP:
        raise Stopped(
            f"{told.by or 'Somebody'} stopped the run when its configuration was to be approved. What was paid for "
            "is kept; nothing else was started."
        )
    return decision, approved if told.decision == APPROVE else config


@task(name="record-decision", persist_result=True, result_serializer="json", cache_key_fn=once_per_run)
def record_decision(version: int, decision: str, by: str, notes: str, edited_fields: list[str]) -> Decision:
    """The decision, with the time at which the run first saw it."""
    return Decision(
        about="config",
        version=version,
        decision=decision,
        by=by,
        notes=notes,
        edited=edited_fields,
        at=datetime.now(UTC),
    )


def decide(run: str, decision: dict[str, str]) -> str:
    """Give the run with this id, or of this site, what was decided; returns what to tell. Raises `Refused`."""
    asking = runs_that_ask("build-site")
    found = [
        run_id for run_id, name in asking.items() if run in (str(run_id), name, name.removeprefix("build-site / "))
    ]
    if len(found) != 1:
        waiting = "".join(f"\n  {run_id}  {name}" for run_id, name in asking.items()) or " None does."
        said = "Several runs" if found else "No run"
        raise Refused(f"{said} with the id or the site {run!r} asks for approval. These runs ask:{waiting}")
    refusal = answer(found[0], decision)
    if refusal:
        raise Refused(f"Prefect did not take the decision for {asking[found[0]]}: {refusal}. The run still waits.")
    return f"{asking[found[0]]}: {decision['decision']}. The run goes on as soon as a worker takes it."
