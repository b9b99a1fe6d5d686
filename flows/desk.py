"""What the parts of a run share: how calls are answered in it, and what has been made so far."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefect.runtime import flow_run

from pressrun.calls import Answer, Call, MissingItem, Route, StepName
from pressrun.costs import Books, CallEstimate
from pressrun.manifest import BatchRecord
from pressrun.plan import Plan
from pressrun.routes.provider import Provider
from pressrun.strategy import BatchStrategy

__all__ = ["Desk", "Work"]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """How calls are answered in this run."""

    plan: Plan
    books: Books
    strategy: BatchStrategy
    provider: Provider
    fresh: bool
    """Whether answers of earlier runs are left alone."""
    first_poll: float
    """Seconds before the second poll of a batch; later pauses grow."""
    started: datetime
    """When this attempt at the run began; a run that was suspended goes on with the attempt that it was."""
    suspends: bool = False
    """Whether the run is suspended while it waits for batches."""
    resumed: bool = False
    """Whether it has been suspended before."""

    @property
    def replay(self) -> bool:
        """Whether this process goes on with a run that an earlier one began; what that one paid for is kept."""
        return self.resumed or bool(flow_run.run_count and flow_run.run_count > 1)

    def is_batched(self, call: Call) -> bool:
        """Whether the plan sends a call by batch."""
        return self.plan.route(call.step) is Route.BATCH

    def is_earlier(self, answer: Answer) -> bool:
        """Whether an answer is from another run, or from an earlier attempt at this one."""
        return answer.run_id != flow_run.id or (answer.answered_at is not None and answer.answered_at < self.started)

    def asks_again(self, answer: Answer) -> bool:
        """Whether a batch's answer is to be had in real time: it never came, or an earlier run saw it refused."""
        return answer.retryable or (answer.error is not None and self.is_earlier(answer))


@dataclass
class Work:
    """What has been made so far, and what it took."""

    content: dict[StepName, dict[str, Any]] = field(default_factory=lambda: {step: {} for step in StepName})
    calls: dict[str, Call] = field(default_factory=dict)
    """Every call that was made or meant to be, by id."""
    estimates: dict[str, CallEstimate] = field(default_factory=dict)
    """What was expected of each, by id."""
    missing: list[MissingItem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    batches: list[BatchRecord] = field(default_factory=list)

    def expect(self, calls: list[Call], plan: Plan) -> None:
        """Take note of calls that are to be made, and of what the plan expects of them."""
        self.calls |= {call.id: call for call in calls}
        self.estimates |= plan.expect(calls)
