"""What becomes of the calls that a batch left unanswered.

Invariant: it hangs on what was kept alone (times of creation and end, codes), so a run that is started again decides
the same.
"""

from datetime import datetime

from flows.desk import Sending
from flows.jobs import Job
from pressrun.calls import Answer
from pressrun.routes.batch import BatchView
from pressrun.strategy import Leftover
from tasks.runs import paying_run

__all__ = ["failed", "fate"]

TIMED_OUT = {"expired", "cancelled"}
NEVER_RAN = {"batch_expired", "batch_cancelled", "missing"}
"""Codes of lines that an early end left undone."""


def fate(answer: Answer, job: Job, view: BatchView, at: datetime, sending: Sending) -> Leftover:
    """What becomes of a call that may yet be answered. It hangs on kept times only, so a replay decides the same."""
    timed_out = answer.code in NEVER_RAN and (view.status in TIMED_OUT or not view.is_terminal)
    policy = sending.strategy.on_timeout if timed_out else sending.strategy.on_retryable
    assert job.ticket is not None
    if policy is Leftover.FAIL and job.ticket.run_id != paying_run():
        # The run that it was missing from has ended; this one was started to have it made.
        return Leftover.RESUBMIT
    assert job.since is not None
    is_in_time = (view.ended_at or at) < job.since + sending.strategy.max_wait_time
    if policy is Leftover.RESUBMIT and not (is_in_time and job.round < sending.strategy.max_rounds):
        return Leftover.REALTIME
    return policy


def failed(answer: Answer) -> Answer:
    """The answer of a call that is not to be had otherwise."""
    reason = f"{answer.error} (the strategy says not to do it in real time)"
    return answer.model_copy(update={"error": reason, "retryable": False})
