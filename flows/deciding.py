"""Passing decisions to runs that ask for approval: by command, or by policy when nobody has decided in time.

Invariant: a decision for a run that does not ask, or no longer asks, is rejected with the reason.
"""

from datetime import datetime

from flows.approval import APPROVE, NEW_VERSION
from pressrun.errors import Refused
from pressrun.gates import Gate
from tasks.asking import Asking, answer, asking_runs, latest_run, was_unanswered

__all__ = ["approve_overdue", "decide"]

FLOW = "build-site"
NOBODY = "nobody (approve_after policy)"
"""The name recorded for a run that nobody answered in time."""


def decide(run: str, decision: dict[str, str]) -> str:
    """Pass a decision to the run with this id or of this site; returns a message. Raises `Refused`."""
    asking = _the_one_that_asks(run)
    if asking.question.gate is Gate.DELIVERY and decision["decision"] == NEW_VERSION:
        raise Refused(
            f"{asking.name} is finished and asks for approval of its delivery; a finished site has no new versions. "
            "Approve it, or stop the run with --stop. The run is still waiting."
        )
    refusal = answer(asking.run_id, decision)
    if refusal:
        raise Refused(
            _why_not(str(asking.run_id)) or f"Prefect did not accept the decision for {asking.name}: {refusal}."
        )
    decided = f"{asking.name}, {asking.question.gate}: {decision['decision']}"
    return f"{decided}. The run continues as soon as a worker picks it up."


def _the_one_that_asks(run: str) -> Asking:
    asking = asking_runs(FLOW)
    found = [one for one in asking if run in (str(one.run_id), one.name, one.name.removeprefix(f"{FLOW} / "))]
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  {one.run_id}  {one.name}: {one.question.gate}" for one in asking) or " none."
    said = (
        f"Several runs with the id or site {run!r} ask for approval."
        if found
        else _why_not(run) or f"No run with the id or site {run!r} asks for approval."
    )
    raise Refused(f"{said} Runs that ask for approval:{listed}")


def _why_not(run: str) -> str | None:
    """Why an existing run does not ask; None when it does, or does not exist."""
    there = latest_run(FLOW, run) or latest_run(FLOW, f"{FLOW} / {run}")
    if not there or not there.state or there.state.is_paused():
        return None
    if was_unanswered(there):
        return (
            f"{there.name} no longer asks for approval: nobody decided in time, so it failed on "
            f"{there.state.timestamp:%Y-%m-%d at %H:%M} UTC. Everything paid for is kept. Start the brief again to be "
            "asked again."
        )
    message = f" ({there.state.message})" if there.state.message else ""
    return f"{there.name} does not ask for approval: it is {there.state.name}{message}."


def approve_overdue(now: datetime) -> list[Asking]:
    """Approve the runs whose approval timed out and whose policy is to approve; returns those runs."""
    overdue = [one for one in asking_runs(FLOW) if one.approved_from and now >= one.approved_from]
    return [one for one in overdue if not _approve(one)]


def _approve(asking: Asking) -> str | None:
    notes = f"Nobody had decided by {asking.approved_from:%Y-%m-%d %H:%M} UTC."
    return answer(asking.run_id, {"decision": APPROVE, "by": NOBODY, "notes": notes})
