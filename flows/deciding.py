"""Giving runs that ask what was decided: by command, and by the policy when nobody has decided in time.

Invariant: whoever decides about a run that does not ask, or no longer does, is told so in words.
"""

from datetime import datetime

from flows.approval import APPROVE, NEW_VERSION
from pressrun.errors import Refused
from pressrun.gates import Gate
from tasks.asking import Asking, answer, asking_runs, latest_run, was_unanswered

__all__ = ["approve_overdue", "decide"]

FLOW = "build-site"
NOBODY = "nobody (approve_after policy)"
"""In whose name a run goes on that nobody has answered in time."""


def decide(run: str, decision: dict[str, str]) -> str:
    """Give the run with this id, or of this site, what was decided; returns what to tell. Raises `Refused`."""
    asking = _the_one_that_asks(run)
    if asking.question.gate is Gate.DELIVERY and decision["decision"] == NEW_VERSION:
        raise Refused(
            f"{asking.name} is finished and asks whether to deliver: of a finished site no other version is made. "
            "Approve it, or end the run with --stop. The run still waits."
        )
    refusal = answer(asking.run_id, decision)
    if refusal:
        raise Refused(
            _why_not(str(asking.run_id)) or f"Prefect did not take the decision for {asking.name}: {refusal}."
        )
    return f"{asking.name}, {asking.question.gate}: {decision['decision']}. It goes on as soon as a worker takes it."


def _the_one_that_asks(run: str) -> Asking:
    asking = asking_runs(FLOW)
    found = [one for one in asking if run in (str(one.run_id), one.name, one.name.removeprefix(f"{FLOW} / "))]
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  {one.run_id}  {one.name}: {one.question.gate}" for one in asking) or " None does."
    said = (
        f"Several runs with the id or the site {run!r} ask for approval."
        if found
        else _why_not(run) or f"No run with the id or the site {run!r} asks for approval."
    )
    raise Refused(f"{said} These runs ask:{listed}")


def _why_not(run: str) -> str | None:
    """Why a run that there is does not ask; None when it does, or is not there."""
    there = latest_run(FLOW, run) or latest_run(FLOW, f"{FLOW} / {run}")
    if not there or not there.state or there.state.is_paused():
        return None
    if was_unanswered(there):
        return (
            f"{there.name} no longer asks for approval: nobody decided in time, so it failed on "
            f"{there.state.timestamp:%Y-%m-%d at %H:%M} UTC. What was paid for is kept. Start the brief again to be "
            "asked anew."
        )
    message = f" ({there.state.message})" if there.state.message else ""
    return f"{there.name} does not ask for approval: it is {there.state.name}{message}."


def approve_overdue(now: datetime) -> list[Asking]:
    """Let go on what nobody has answered in time and is to be approved then; returns the runs that do."""
    overdue = [one for one in asking_runs(FLOW) if one.approved_from and now >= one.approved_from]
    return [one for one in overdue if not _approve(one)]


def _approve(asking: Asking) -> str | None:
    notes = f"Nobody had decided by {asking.approved_from:%Y-%m-%d %H:%M} UTC."
    return answer(asking.run_id, {"decision": APPROVE, "by": NOBODY, "notes": notes})
