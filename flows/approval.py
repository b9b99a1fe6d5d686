"""Approval by a person: the run is suspended with a form, and continues with the decision.

Invariant: a person is asked about each version once; a run that continues later finds the decision and the time at
which it was first seen.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from prefect import task
from prefect.input import RunInput
from prefect.runtime import deployment, flow_run
from pydantic import Field

from flows.desk import Options
from pressrun.approval import edited, show_config
from pressrun.errors import Refused, Stopped
from pressrun.gates import Gate, Question
from pressrun.manifest import Decision
from pressrun.steps.config import SiteConfig
from tasks.asking import ask
from tasks.keys import once_per_run
from tasks.logs import say_once

__all__ = [
    "APPROVE",
    "NEW_VERSION",
    "STOP",
    "ConfigDecision",
    "DeliveryDecision",
    "ask_for_config",
    "ask_for_delivery",
    "require_approval_possible",
]

APPROVE, NEW_VERSION, STOP = "approve", "new version", "stop"
FIELDS = {"site_name": "site_name", "tagline": "tagline", "site_description": "description", "voice": "voice"}
"""The form's fields and what they change; Prefect uses `description` for the text above the form."""


class ConfigDecision(RunInput):
    """The form. Unedited fields change nothing, but a decision is required, so that nobody approves by mistake."""

    decision: Literal["approve", "new version", "stop"] = Field(
        title="Decision",
        description="approve: continue with the edits below. new version: write it again using your notes. stop: stop "
        "the run.",
    )
    notes: str = Field("", title="Notes", description="For a new version: what to change.")
    by: str = Field("", title="Your name", description="Recorded in the site's manifest.")
    site_name: str = Field("", title="Site name")
    tagline: str = Field("", title="Tagline")
    site_description: str = Field("", title="Description")
    voice: str = Field("", title="Voice", description="Style guidance for all text of the site.")


class DeliveryDecision(RunInput):
    """The form before delivery."""

    decision: Literal["approve", "stop"] = Field(
        title="Decision",
        description="approve: deliver the site as shown in the preview. stop: deliver nothing; the preview is kept.",
    )
    notes: str = Field("", title="Notes", description="Recorded in the site's manifest.")
    by: str = Field("", title="Your name", description="Recorded in the site's manifest.")


def require_approval_possible() -> None:
    """Raise `Refused` when this run cannot be suspended for approval."""
    if flow_run.parent_flow_run_id or not deployment.id:
        raise Refused(
            "Only a deployed run can wait for approval. Nothing was spent. Start it with `prefect deployment run "
            "build-site/on-demand` or in the Prefect UI."
        )


def ask_for_config(config: SiteConfig, version: int, options: Options) -> tuple[Decision, SiteConfig]:
    """Suspend the run until a person has decided; returns the decision and the configuration as edited.

    Raises `Stopped` when the decision is to stop.
    """
    shown = {field: _filled_in(ConfigDecision, field, getattr(config, name)) for field, name in FIELDS.items()}
    form = ConfigDecision.with_initial_data(description=show_config(config, version), **shown)
    question = Question(gate=Gate.CONFIG, number=version, on_timeout=options.on_approval_timeout)
    told = ask(form, question, options.approval_timeout)
    changes = {name: getattr(told, field).strip() for field, name in FIELDS.items()}
    approved, names = edited(config, changes)
    decision = _record(question, told, names)
    if told.decision == STOP:
        raise Stopped(
            f"{told.by or 'Someone'} stopped the run at the approval of its configuration. Everything paid for is "
            "kept; nothing else was started. Start the brief again to be asked again."
        )
    return decision, approved if told.decision == APPROVE else config


def _filled_in(form: type[RunInput], field: str, text: str) -> Any:
    """A prefilled form field with its title and help, which Prefect's own prefilling drops."""
    described = form.model_fields[field]
    return Field(text, title=described.title, description=described.description)


def ask_for_delivery(shown: str, attempt: int, options: Options, preview: str) -> Decision:
    """Suspend the run until a person has reviewed the finished site; `shown` is the form's text, as Markdown.

    Raises `Stopped`, with the location of the `preview`, when the decision is to stop.
    """
    form = DeliveryDecision.with_initial_data(description=shown)
    question = Question(gate=Gate.DELIVERY, number=attempt, on_timeout=options.on_approval_timeout)
    told = ask(form, question, options.approval_timeout)
    decision = _record(question, told, [])
    if told.decision == STOP:
        raise Stopped(
            f"{told.by or 'Someone'} stopped the run at the approval of its delivery. Nothing was delivered; the "
            f"preview is kept in {preview}. Everything paid for is kept: running the brief again pays only for what "
            "has changed."
        )
    return decision


def _record(question: Question, told: Any, edited_fields: list[str]) -> Decision:
    by = told.by.strip()
    say_once([f"{question.gate.capitalize()} {question.number}: {told.decision}{f', by {by}' if by else ''}"])
    return record_decision(question.gate, question.number, told.decision, by, told.notes.strip(), edited_fields)


@task(name="record-decision", persist_result=True, result_serializer="json", cache_key_fn=once_per_run)
def record_decision(
    about: Gate, version: int, decision: str, by: str, notes: str, edited_fields: list[str]
) -> Decision:
    """The decision, with the time at which the run first saw it."""
    return Decision(
        about=about,
        version=version,
        decision=decision,
        by=by,
        notes=notes,
        edited=edited_fields,
        at=datetime.now(UTC),
    )
