"""What happens to calls that a batch left unanswered.

Invariant: the decision depends only on stored data (times of creation and end, codes), so a restarted run decides the
same.
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
"""Codes of lines that never ran because the batch ended early."""


def fate(answer: Answer, job: Job, view: BatchView, at: datetime, sending: Sending) -> Leftover:
    """What happens to a call that may still be answered. Only stored times count, so a replay decides the same."""
    timed_out = answer.code in NEVER_RAN and (view.status in TIMED_OUT or not view.is_terminal)
    policy = sending.strategy.on_timeout if timed_out else sending.strategy.on_retryable
    assert job.ticket is not None
    if policy is Leftover.FAIL and job.ticket.run_id != paying_run():
        # The run that lacked it has ended; this run was started to retry it.
        return Leftover.RESUBMIT
    assert job.since is not None
    is_in_time = (view.ended_at or at) < job.since + sending.strategy.max_wait_time
    if policy is Leftover.RESUBMIT and not (is_in_time and job.round < sending.strategy.max_rounds):
        return Leftover.REALTIME
    return policy


def failed(answer: Answer) -> Answer:
    """The final answer to a call that will not be retried."""
    reason = f"{answer.error} (the strategy does not allow a real-time fallback)"
    return answer.model_copy(update={"error": reason, "retryable": False})
