"""From calls to content: each call by its route, each reply checked, each invalid one sent back once.

Invariant: every call that goes in comes out in the ledger, and every item that was ordered comes out as content or as
missing with the reason.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prefect.futures import PrefectFuture
from prefect.runtime import flow_run

from pressrun.batchfile import Shard, shards
from pressrun.calls import Answer, Call, MissingItem, Route, StepName
from pressrun.costs import LedgerRow, ledger_row
from pressrun.errors import CallFailed
from pressrun.manifest import BatchRecord
from pressrun.plan import Plan
from pressrun.progress import CallDone, Note, StepStarted, tell
from pressrun.routes.batch import BatchTicket, BatchView
from pressrun.routes.provider import Provider
from pressrun.routes.realtime import TemporaryFailure
from pressrun.steps import STEPS, InvalidReply, Order, repair_call
from tasks.answers import answer_now
from tasks.batches import collect_answers, submit_batch, wait_for_batch

__all__ = ["Desk", "Work", "produce"]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """How calls are answered in this run."""

    plan: Plan
    provider: Provider
    fresh: bool
    """Whether answers of earlier runs are left alone."""
    first_poll: float
    """Seconds before the second poll of a batch; later pauses grow."""
    started: datetime
    """When this process began on the run."""

    @property
    def replay(self) -> bool:
        """Whether this process goes on with a run that an earlier one began; what that one paid for is kept."""
        return bool(flow_run.run_count and flow_run.run_count > 1)


@dataclass
class Work:
    """What has been made so far, and what it took."""

    content: dict[StepName, dict[str, Any]] = field(default_factory=lambda: {step: {} for step in StepName})
    rows: list[LedgerRow] = field(default_factory=list)
    missing: list[MissingItem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    batches: list[BatchRecord] = field(default_factory=list)


def produce(order: Order, calls: list[Call], desk: Desk, work: Work) -> None:
    """Have calls answered and made into content, with one repair for each invalid reply; all of it goes into `work`.

    A repair that an earlier run paid for and that is invalid too is itself sent back, so each run tries once anew.
    """
    answers = _answer(calls, desk, work)
    invalid = _keep(order, calls, answers, desk, work)
    while invalid:
        repairs = [repair_call(call, answers[call.id], faults) for call, faults in invalid]
        tell(Note(text=f"Sending {len(repairs)} invalid replies back: {', '.join(call.item for call in repairs)}"))
        answers = _settle(_in_real_time(repairs, desk))
        unrepaired = _keep(order, repairs, answers, desk, work)
        invalid = [(call, faults) for call, faults in unrepaired if _is_earlier(answers[call.id], desk)]
        work.missing += [_unrepaired(call, faults) for call, faults in unrepaired if (call, faults) not in invalid]


def _unrepaired(call: Call, faults: list[str]) -> MissingItem:
    return MissingItem(step=call.step, item=call.item, reason=f"still invalid after one repair: {'; '.join(faults)}")


def _is_earlier(answer: Answer, desk: Desk) -> bool:
    """Whether an answer is from another run, or from an earlier attempt at this one."""
    return answer.run_id != flow_run.id or (answer.answered_at is not None and answer.answered_at < desk.started)


def _answer(calls: list[Call], desk: Desk, work: Work) -> dict[str, Answer]:
    """One answer a call, by id: the merged batch, with the real-time calls under way beside it."""
    for step, count in Counter(call.step for call in calls).items():
        tell(StepStarted(step=step, calls=count))
    batched = [call for call in calls if desk.plan.route(call.step) is Route.BATCH]
    under_way = _in_real_time((call for call in calls if desk.plan.route(call.step) is Route.REALTIME), desk)
    answers = _by_batch(batched, desk, work)
    leftovers = [call for call in batched if _ask_again(answers[call.id], desk)]
    if leftovers:
        tell(Note(text=f"{len(leftovers)} of {len(batched)} batched calls came back unanswered: now in real time"))
    answers |= _settle(under_way)
    answers |= _settle(_in_real_time(leftovers, desk))
    return answers


def _ask_again(answer: Answer, desk: Desk) -> bool:
    """Whether a batch's answer is to be had in real time: it never came, or an earlier run saw it refused."""
    return answer.retryable or (answer.error is not None and _is_earlier(answer, desk))


def _in_real_time(calls: Iterable[Call], desk: Desk) -> list[tuple[Call, PrefectFuture[Answer]]]:
    task = answer_now.with_options(refresh_cache=desk.fresh and not desk.replay)
    return [(call, task.submit(call, desk.provider)) for call in calls]


def _settle(under_way: list[tuple[Call, PrefectFuture[Answer]]]) -> dict[str, Answer]:
    """Wait for real-time calls; a call that failed becomes an answer that says so."""
    return {call.id: _settle_one(call, future) for call, future in under_way}


def _settle_one(call: Call, future: PrefectFuture[Answer]) -> Answer:
    result = future.result(raise_on_failure=False)
    if isinstance(result, Answer):
        _tell_reused(call, result)
        return result
    if isinstance(result, CallFailed | TemporaryFailure):
        code = result.code if isinstance(result, CallFailed) else "unavailable"
        failed = Answer(call_id=call.id, route=Route.REALTIME, error=str(result), code=code)
        tell(CallDone(call=call, answer=failed, reused=False))
        return failed
    raise result


def _tell_reused(call: Call, answer: Answer) -> None:
    if answer.run_id != flow_run.id:
        tell(CallDone(call=call, answer=answer, reused=True))


def _by_batch(calls: list[Call], desk: Desk, work: Work) -> dict[str, Answer]:
    """Submit everything first, so that batches of different models or endpoints run side by side; then wait."""
    submitted = [(shard, _submit(shard, desk, anew=desk.fresh and not desk.replay)) for shard in shards(calls)]
    answers: dict[str, Answer] = {}
    for shard, first_ticket in submitted:
        ticket, view = _wait(shard, first_ticket, desk)
        harvested = collect_answers(view, ticket, shard, desk.provider)
        work.batches.append(_record(shard, ticket.created_at, view.status, harvested.answers, view.batch_id))
        answers |= {answer.call_id: answer for answer in harvested.answers}
        for call in shard.calls:
            if not _ask_again(answers[call.id], desk):
                tell(CallDone(call=call, answer=answers[call.id], reused=answers[call.id].run_id != flow_run.id))
    return answers


def _submit(shard: Shard, desk: Desk, *, anew: bool) -> BatchTicket:
    return submit_batch.with_options(refresh_cache=anew)(shard, desk.provider, desk.fresh)


def _wait(shard: Shard, ticket: BatchTicket, desk: Desk) -> tuple[BatchTicket, BatchView]:
    """Wait for a shard's batch; one that validation refused in an earlier attempt ran nothing, and is sent anew."""
    view = wait_for_batch(ticket, shard, desk.provider, desk.plan.max_wait, desk.first_poll)
    if view.status == "failed" and (ticket.run_id != flow_run.id or desk.replay):
        ticket = _submit(shard, desk, anew=True)
        view = wait_for_batch(ticket, shard, desk.provider, desk.plan.max_wait, desk.first_poll)
    return ticket, view


def _record(shard: Shard, created_at: datetime, status: str, answers: list[Answer], batch_id: str) -> BatchRecord:
    return BatchRecord(
        id=batch_id,
        endpoint=shard.endpoint,
        model=shard.model,
        status=status,
        created_at=created_at,
        submitted=len(shard.calls),
        answered=sum(answer.body is not None for answer in answers),
        failed=sum(answer.error is not None and not answer.retryable for answer in answers),
        unanswered=sum(answer.retryable for answer in answers),
    )


def _keep(
    order: Order, calls: list[Call], answers: dict[str, Answer], desk: Desk, work: Work
) -> list[tuple[Call, list[str]]]:
    """Put valid replies into `work.content`; returns the calls whose replies are invalid, with their faults."""
    faults: dict[str, list[str]] = {}
    for call in calls:
        answer = answers[call.id]
        if answer.error is not None:
            work.missing.append(MissingItem(step=call.step, item=call.item, reason=answer.error))
            continue
        try:
            parsed = STEPS[call.step].parse(order, call, answer)
        except InvalidReply as invalid:
            faults[call.id] = invalid.faults
            continue
        work.content[call.step][call.item] = parsed.content
        work.warnings += [f"{call.step} {call.item}: {warning}" for warning in parsed.warnings]
    faults |= _clashes(calls, work)
    work.rows += [_row(call, answers[call.id], call.id not in faults, desk) for call in calls]
    return [(call, faults[call.id]) for call in calls if call.id in faults]


def _clashes(calls: list[Call], work: Work) -> dict[str, list[str]]:
    """Faults that show only side by side (equal titles); what clashes is taken out of the content again."""
    by_item = {(call.step, call.item): call.id for call in calls}
    faults: dict[str, list[str]] = {}
    for step in {call.step for call in calls}:
        for item, found in STEPS[step].check_together(work.content[step]).items():
            if (step, item) in by_item:
                faults[by_item[step, item]] = found
                del work.content[step][item]
    return faults


def _row(call: Call, answer: Answer, valid: bool, desk: Desk) -> LedgerRow:
    return ledger_row(
        call,
        answer,
        valid=valid,
        run_id=flow_run.id or "",
        at=answer.answered_at or datetime.now(UTC),
        table=desk.plan.price_table,
    )
