"""What the parts of a run share: how its calls are answered, and what has been generated so far."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from logging import WARNING
from typing import Any

from prefect.runtime import flow_run

from pressrun.calls import Answer, Call, MissingItem, Route, StepName
from pressrun.costs.books import Books
from pressrun.costs.ledger import CallEstimate
from pressrun.gates import OnTimeout
from pressrun.manifest import BatchRecord, Decision
from pressrun.plan import Plan
from pressrun.routes.provider import Provider
from pressrun.strategy import BatchStrategy
from pressrun.waiting import Wait
from tasks.books import books_for
from tasks.logs import say_once
from tasks.runs import fleet_id, paying_run
from tasks.waiting import attempt_began, was_suspended, why_not_suspend

__all__ = ["Desk", "Options", "Sending", "Work", "desk_for", "sending_for"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a run, besides its brief and its strategy."""

    max_cost_usd: Decimal | None
    simulate: bool
    fresh: bool
    out: str
    wait: Wait
    poll_seconds: float
    approve_config: bool
    approve_delivery: bool
    approval_timeout: timedelta
    on_approval_timeout: OnTimeout


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How batches are sent and waited for in this run."""

    strategy: BatchStrategy
    provider: Provider
    fresh: bool = False
    """Whether answers of earlier runs are ignored."""
    first_poll: float
    """Seconds before the second poll of a batch; later intervals grow."""
    started: datetime
    """When this attempt at the run began; a suspended run continues with the same attempt."""
    suspends: bool = False
    """Whether the run is suspended while it waits for batches."""
    resumed: bool = False
    """Whether it has been suspended before."""

    @property
    def replay(self) -> bool:
        """Whether this process continues a run that an earlier process began; what that one paid for is kept."""
        return self.resumed or bool(flow_run.run_count and flow_run.run_count > 1)

    def is_earlier(self, answer: Answer) -> bool:
        """Whether an answer is from another run, or from an earlier attempt at this one."""
        return answer.run_id != paying_run() or (answer.answered_at is not None and answer.answered_at < self.started)

    def asks_again(self, answer: Answer) -> bool:
        """Whether to ask again in real time: the answer never came, or an earlier run saw the call refused."""
        return answer.retryable or (answer.error is not None and self.is_earlier(answer))


@dataclass(frozen=True, kw_only=True)
class Desk(Sending):
    """How the calls of a site are answered in this run."""

    plan: Plan
    books: Books

    def is_batched(self, call: Call) -> bool:
        """Whether the plan sends a call by batch."""
        return self.plan.route(call.step) is Route.BATCH


def sending_for(strategy: BatchStrategy, provider: Provider, wait: Wait, first_poll: float, fresh: bool) -> Sending:
    """How this flow run sends batches; it logs a warning when it cannot wait as requested."""
    resumed = was_suspended()
    reason = why_not_suspend(provider) if wait is Wait.SUSPEND else None
    if reason:
        say_once([f"This run polls instead of suspending: {reason}"], WARNING)
    return Sending(
        strategy=strategy,
        provider=provider,
        fresh=fresh,
        first_poll=first_poll,
        started=attempt_began() if resumed or fleet_id() else datetime.now(UTC),
        suspends=wait is Wait.SUSPEND and reason is None,
        resumed=resumed,
    )


def desk_for(sending: Sending, plan: Plan, cap: Decimal | None) -> Desk:
    """The context of one site's calls; `cap` is in USD."""
    books = books_for(plan, sending.provider, cap=cap, fresh=sending.fresh)
    return Desk(**vars(sending), plan=plan, books=books)


@dataclass
class Work:
    """What has been generated so far, and its calls."""

    content: dict[StepName, dict[str, Any]] = field(default_factory=lambda: {step: {} for step in StepName})
    calls: dict[str, Call] = field(default_factory=dict)
    """Every call that was made or planned, by id."""
    estimates: dict[str, CallEstimate] = field(default_factory=dict)
    """The estimate for each, by id."""
    missing: list[MissingItem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    batches: list[BatchRecord] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    """People's decisions about the site."""

    def expect(self, calls: list[Call], plan: Plan) -> None:
        """Register planned calls with the plan's estimates."""
        self.calls |= {call.id: call for call in calls}
        self.estimates |= plan.expect(calls)
