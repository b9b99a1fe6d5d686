"""From calls to content: each call on its route, each reply checked, each invalid one sent back once.

Invariant: every call ends up in the ledger, and every ordered item ends as content or as missing with the reason.
"""

from collections import Counter
from collections.abc import Iterable

from prefect.futures import PrefectFuture

from flows.batching import answer_by_batch
from flows.desk import Desk, Work
from pressrun.calls import Answer, Call, MissingItem, Route
from pressrun.errors import CallFailed
from pressrun.progress import CallDone, StepStarted, tell
from pressrun.routes.realtime import TemporaryFailure
from pressrun.steps import STEPS, InvalidReply, Order, read_answer, repair_call
from pressrun.strategy import Leftover
from tasks.answers import OVER_CAP, answer_now
from tasks.kept import answers_of_batch, opened, was_answered
from tasks.logs import say
from tasks.quoting import quoted
from tasks.runs import paying_run

__all__ = ["answer_all", "ask_ahead", "produce", "to_be_batched"]

Faults = dict[str, list[str]]
"""What is wrong with the items of one reply, by item."""


def produce(order: Order, calls: list[Call], desk: Desk, work: Work) -> None:
    """Get calls answered and parsed into content in `work`, with one repair for each invalid reply.

    An invalid repair that an earlier run paid for is itself sent back, so each run makes one new attempt.
    """
    answers = answer_all(calls, desk, work)
    invalid = _keep(order, calls, answers, desk, work)
    while invalid:
        repairs = [repair_call(call, answers[call.id], faults) for call, faults in invalid]
        _say_repairs(repairs, desk)
        answers = _answer_repairs(repairs, desk, work)
        unrepaired = _keep(order, repairs, answers, desk, work)
        invalid = [(call, faults) for call, faults in unrepaired if desk.is_earlier(answers[call.id])]
        for call, faults in unrepaired:
            if (call, faults) not in invalid:
                work.missing += _missing(call, faults, "still invalid after one repair: ")


def _say_repairs(repairs: list[Call], desk: Desk) -> None:
    """Log what is sent back; repairs that an earlier run paid for are not."""
    paid = desk.books.answered(repairs)
    if items := [item for call in repairs if call.id not in paid for item in call.covers]:
        say(f"Sending back what is invalid: {', '.join(items)}")


def _missing(call: Call, faults: Faults, why: str = "") -> list[MissingItem]:
    return [
        MissingItem(step=call.step, item=item, reason=f"{why}{'; '.join(reasons)}") for item, reasons in faults.items()
    ]


def _answer_repairs(repairs: list[Call], desk: Desk, work: Work) -> dict[str, Answer]:
    """Repairs of batched calls count as retryable lines and follow the strategy's policy for those."""
    work.expect(repairs, desk.plan)
    resubmit = desk.strategy.on_retryable is Leftover.RESUBMIT
    batched = [call for call in repairs if resubmit and desk.is_batched(call)]
    answers = answer_by_batch(batched, desk, work)
    asked_now = [call for call in repairs if call.id not in answers or desk.asks_again(answers[call.id])]
    return answers | _answer_now(asked_now, desk, work)


def answer_all(calls: list[Call], desk: Desk, work: Work) -> dict[str, Answer]:
    """One answer per call, by id: from the merged batch and, concurrently, from real-time calls."""
    work.expect(calls, desk.plan)
    for step, count in Counter(call.step for call in calls for _ in call.covers).items():
        tell(StepStarted(step=step, items=count))
    answers = _paid_by_batch([call for call in calls if not desk.is_batched(call)], desk)
    batched = to_be_batched([call for call in calls if call.id not in answers], desk)
    elsewhere = answers.keys() | {call.id for call in batched}
    asked_now = [call for call in calls if call.id not in elsewhere]
    under_way = _in_real_time(asked_now, desk, work)
    answers |= answer_by_batch(batched, desk, work, before_suspending=lambda: _settle(under_way, desk))
    leftovers = [call for call in batched if desk.asks_again(answers[call.id])]
    if leftovers:
        say(f"{len(leftovers)} of {len(batched)} batched calls were not answered: falling back to real time")
    answers |= _settle(under_way, desk)
    answers |= _answer_now(leftovers, desk, work)
    # The batch's commitments have become actual costs, which may have made room under the cap.
    turned_away = [call for call in asked_now if answers[call.id].code == OVER_CAP and batched]
    answers |= _answer_now(turned_away, desk, work)
    return answers


def ask_ahead(calls: list[Call], desk: Desk, work: Work) -> list[PrefectFuture[Answer]]:
    """Start the real-time calls among these; a later `produce` finds them answered."""
    work.expect(calls, desk.plan)
    return [future for _, future in _in_real_time([call for call in calls if not desk.is_batched(call)], desk, work)]


def _answer_now(calls: list[Call], desk: Desk, work: Work) -> dict[str, Answer]:
    """One answer per call, by id, without a batch; answers from earlier batches are not paid for again."""
    paid = _paid_by_batch(calls, desk)
    return paid | _settle(_in_real_time((call for call in calls if call.id not in paid), desk, work), desk)


def _paid_by_batch(calls: list[Call], desk: Desk) -> dict[str, Answer]:
    """The answers to real-time calls that an earlier batch has already provided."""
    batch_of = {call_id: batch_id for call_id, batch_id in desk.books.answered(calls).items() if batch_id}
    kept: dict[str, Answer] = {}
    for batch_id in set(batch_of.values()):
        kept |= answers_of_batch(batch_id, desk.books.budget, desk.provider)
    answers = {call_id: kept[call_id] for call_id in batch_of if call_id in kept}
    for call in calls:
        if call.id in answers:
            _tell_reused(call, answers[call.id])
    return answers


def to_be_batched(calls: list[Call], desk: Desk) -> list[Call]:
    """The calls that go by batch, without those that were already answered in real time.

    Calls that were admitted to a batch stay together, whatever happened to it: only the same calls find it again.
    """
    batched = [call for call in calls if desk.is_batched(call)]
    admitted, answered = desk.books.admitted(), desk.books.answered(batched)
    free = [call for call in batched if call.id not in admitted and answered.get(call.id, "") is None]
    paid = {call.id for call in free if was_answered(call, desk.provider)}
    return [call for call in batched if call.id not in paid]


def _in_real_time(calls: Iterable[Call], desk: Desk, work: Work) -> list[tuple[Call, PrefectFuture[Answer]]]:
    task = answer_now.with_options(refresh_cache=desk.fresh and not desk.replay)
    books = quoted(desk.books)
    return [
        (call, task.submit(quoted(call), desk.provider, desk.plan.realtime_route(call.step), books, estimate))
        for call, estimate in ((call, work.estimates[call.id]) for call in calls)
    ]


def _settle(under_way: list[tuple[Call, PrefectFuture[Answer]]], desk: Desk) -> dict[str, Answer]:
    """Wait for real-time calls; a call that failed becomes an answer that says so."""
    answers = {call.id: _settle_one(call, future) for call, future in under_way}
    _check_stored([call for call, _ in under_way if answers[call.id].error is None], desk)
    return answers


def _check_stored(answered: list[Call], desk: Desk) -> None:
    """Log a warning for answers that Prefect could not store, because another run would pay for them again."""
    lost = [call for call in answered if not was_answered(call, desk.provider)]
    if lost:
        say(
            f"{len(lost)} of {len(answered)} answers could not be stored in Prefect's result storage. This run uses "
            "them, but another run would pay for them again. Make room, or check PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK."
        )


def _settle_one(call: Call, future: PrefectFuture[Answer]) -> Answer:
    result = future.result(raise_on_failure=False)
    if isinstance(result, Answer):
        _tell_reused(call, result)
        return result
    if isinstance(result, CallFailed | TemporaryFailure):
        code = result.code if isinstance(result, CallFailed) else "unavailable"
        failed = result.paid or Answer(call_id=call.id, route=Route.REALTIME, error=str(result), code=code)
        tell(CallDone(call=call, answer=failed, reused=False))
        return failed
    raise result


def _tell_reused(call: Call, answer: Answer) -> None:
    if answer.run_id != paying_run():
        tell(CallDone(call=call, answer=answer, reused=True))


def _keep(
    order: Order, calls: list[Call], answers: dict[str, Answer], desk: Desk, work: Work
) -> list[tuple[Call, Faults]]:
    """Put valid content into `work.content`; returns the calls to send back, each with its items' faults."""
    faults = {call.id: _read(order, call, answers[call.id], desk, work) for call in calls}
    _take_out_clashes(calls, faults, work)
    _enter(calls, answers, desk, work)
    return [(call, faults[call.id]) for call in calls if faults[call.id]]


def _read(order: Order, call: Call, answer: Answer, desk: Desk, work: Work) -> Faults:
    """Parse one answer; returns the items to send back. Unanswered and declined items become missing."""
    if answer.error is not None:
        # A batch's line has the code beside the words; in real time it is among them.
        said = f"{answer.code}: {answer.error}" if answer.batch_id else answer.error
        work.missing += _missing(call, {item: [said] for item in call.covers})
        return {}
    try:
        reading = read_answer(STEPS[call.step], order, call, opened(answer))
    except InvalidReply as invalid:
        faults = dict.fromkeys(call.covers, invalid.faults)
        if invalid.refused and not desk.is_earlier(answer):
            work.missing += _missing(call, faults)
            return {}
        return faults
    for item, parsed in reading.parsed.items():
        work.content[call.step][item] = parsed.content
        work.warnings += [f"{call.step} {item}: {warning}" for warning in parsed.warnings]
    return dict(reading.faults)


def _take_out_clashes(calls: list[Call], faults: dict[str, Faults], work: Work) -> None:
    """Add faults that show only in comparison (equal titles); the items concerned are removed from the content."""
    call_of = {(call.step, item): call.id for call in calls for item in call.covers}
    for step in {call.step for call in calls}:
        for item, found in STEPS[step].check_together(work.content[step]).items():
            if (step, item) in call_of:
                faults[call_of[step, item]][item] = found
                del work.content[step][item]


def _enter(calls: list[Call], answers: dict[str, Answer], desk: Desk, work: Work) -> None:
    """Record every answer in the ledger, and mark the invalid ones."""
    made = [call for call in calls if answers[call.id].code != OVER_CAP]
    rows = [desk.books.enter(call, answers[call.id], work.estimates[call.id]) for call in made]
    unused = [
        row.entry_id
        for call, row in zip(made, rows, strict=True)
        if answers[call.id].error is None and not any(item in work.content[call.step] for item in call.covers)
    ]
    desk.books.file.judge_unfit(unused)
