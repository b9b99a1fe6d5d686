"""Reading the results of an ended batch: both files, as streams, whatever its final status.

Invariant: an answer that was billed is never discarded: a batch that expired or was cancelled is read like one that
completed, and result files that have fewer lines than the batch counts are read again. Answers are streamed one at a
time.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import openai
from openai import OpenAI
from pydantic import Field

from pressrun.batchfile import Account, Harvest
from pressrun.calls import Answer
from pressrun.errors import BatchRejected, ResultsGone, ResultsIncomplete, Unreadable
from pressrun.frozen import Frozen
from pressrun.result_file import result_lines
from pressrun.routes.batch.view import BatchView, Problem
from pressrun.sharding import Shard

__all__ = ["Harvested", "answers_of", "delete_files", "discrepancies", "harvest"]

PAUSES = (1.0, 3.0, 10.0)
"""Seconds before files that do not match the batch's counts are read again."""
MOST_LINES_PER_CALL, SPARE_LINES = 3, 10_000
"""A file with more lines has no end."""
ACCEPTED_AFTER = timedelta(days=1)
"""How long after the end of a batch its missing lines are expected; from then on, their calls are asked anew."""


class Harvested(Frozen):
    """The answers of an ended batch, one for each call of its shard."""

    answers: list[Answer]
    account: Account
    at: datetime
    discrepancies: list[str] = Field(default_factory=list)
    """Where the provider's own totals differ from its lines, as messages."""


def harvest(
    client: OpenAI,
    view: BatchView,
    shard: Shard,
    *,
    run_id: str,
    keep: Callable[[Answer], Answer] = lambda same: same,
    pause: Callable[[float], object] = time.sleep,
) -> Harvested:
    """Read a batch in the order of its calls. Raises as `answers_of` does, and `ResultsIncomplete`.

    `keep` receives each answer when it is read and returns what to hold in memory; after a reading that does not match
    the batch's counts, it receives all of them again. `pause` waits for seconds.
    """
    at = datetime.now(UTC)
    place = {call_id: number for number, call_id in enumerate(shard.ids)}
    for seconds in (*PAUSES, None):
        reader = Harvest(shard.ids, batch_id=view.batch_id, run_id=run_id, at=at, asked_at=view.created_at)
        kept = map(keep, answers_of(client, view, shard, reader))
        answers = sorted(kept, key=lambda answer: place[answer.call_id])
        if seconds is None or not (reader.garbage or is_short(view, shard, reader)):
            break
        pause(seconds)
    is_recent = at < (view.ended_at or view.created_at or at) + ACCEPTED_AFTER
    if is_recent and is_short(view, shard, reader) and not _has_every_line(view, shard, reader):
        raise ResultsIncomplete(_say_short(view, shard, reader))
    account = reader.account()
    return Harvested(answers=answers, account=account, at=at, discrepancies=discrepancies(view, account))


def is_short(view: BatchView, shard: Shard, reader: Harvest) -> bool:
    """Whether calls are unanswered although the batch counts more answers, or more finished requests, than were read.

    Odd lines count as what they may have been.
    """
    if not (view.is_terminal and reader.unanswered):
        return False
    odd = _odd(shard, reader)
    lacks_answers = reader.answered + reader.failed + odd < view.completed
    is_whole = view.is_whole and not reader.lacks_errors
    return lacks_answers or (is_whole and len(shard.ids) - reader.missing + odd < _finished(view, shard))


def _odd(shard: Shard, reader: Harvest) -> int:
    """Lines that may be answers to calls without a line: unreadable ones and strangers, unless most lines are odd."""
    odd = reader.unreadable + reader.unknown
    return odd if odd <= len(shard.ids) - reader.missing else 0


def _has_every_line(view: BatchView, shard: Shard, reader: Harvest) -> bool:
    """Whether there is a line for each call, and as many as the batch counts answers, be some of them errors."""
    odd = _odd(shard, reader)
    counted = reader.answered + reader.failed + reader.errors_among_answers + odd
    return reader.missing <= odd and counted >= view.completed


def _finished(view: BatchView, shard: Shard) -> int:
    """How many requests have a line, according to the batch; all of a completed one that has no counts."""
    return view.completed + view.failed or (len(shard.ids) if view.status == "completed" else 0)


def _say_short(view: BatchView, shard: Shard, reader: Harvest) -> str:
    counted = view.completed or _finished(view, shard)
    return (
        f"Batch {view.batch_id} ({shard.title}) counts {counted:,} answers, of which its result files have "
        f"{reader.answered:,}. Nothing was asked again, because the answers are paid for. Run again later to read "
        "them. From a day after the batch's end, a run takes what is there and asks for the rest."
    )


def answers_of(client: OpenAI, view: BatchView, shard: Shard, reader: Harvest) -> Iterator[Answer]:
    """Every call's answer: first from the lines as they are read, then for calls without one; `reader` counts them.

    Raises `BatchRejected` when validation refused the whole batch, `ResultsGone` when the answers are gone,
    `Unreadable` when a file has no end, and `openai.APIConnectionError` when a download is cut short; reading again
    from the start is free.
    """
    if view.is_refused:
        named = [_call(problem, shard) for problem in view.problems]
        raise BatchRejected(_say_refused(view, shard), filter(None, named))
    for file_id in view.result_files:
        is_output = file_id == view.output_file_id
        try:
            for number, line in enumerate(result_lines(_chunks(client, file_id))):
                if number > MOST_LINES_PER_CALL * len(shard.ids) + SPARE_LINES:
                    raise Unreadable(f"File {file_id} has more lines than batch {view.batch_id} can have results.")
                answer = reader.take(line, is_output=is_output)
                if answer is not None:
                    yield answer
        except openai.NotFoundError:
            if is_output and (view.completed or not view.failed):
                raise ResultsGone(_say_gone(view, shard)) from None
            # No answer is lost with a file of errors: the calls that have no line are asked again.
            reader.lacks_errors = True
    ending = "ended as" if view.is_terminal else "was abandoned while"
    yield from reader.rest(f"the batch {ending} {view.status} without an answer to this")


def _say_gone(view: BatchView, shard: Shard) -> str:
    return (
        f"A result file of batch {view.batch_id} ({shard.title}) is not at the provider (HTTP 404). Answers that "
        "were already read are kept, and nothing was asked again. Run again: if the file is still missing then, these "
        "requests, and no others, are paid for again."
    )


def _chunks(client: OpenAI, file_id: str) -> Iterator[bytes]:
    """The content of a file, in pieces."""
    try:
        with client.files.with_streaming_response.content(file_id) as response:
            yield from response.iter_bytes()
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        text = "The download of a result file was cut short."
        raise openai.APIConnectionError(message=text, request=error.request) from error


def delete_files(client: OpenAI, view: BatchView) -> list[str]:
    """Delete a batch's files at the provider, including its input; returns the ids of the deleted files.

    A file that is gone, or that the provider does not delete, is not an error.
    """
    deleted = []
    for file_id in filter(None, (view.input_file_id, *view.result_files)):
        try:
            client.files.delete(file_id)
        except openai.APIError:
            continue
        deleted.append(file_id)
    return deleted


def discrepancies(view: BatchView, account: Account) -> list[str]:
    """Where the batch's own totals differ from the sum of its lines; absent totals are ignored."""
    pairs = [
        ("answered lines", view.completed, account.answered),
        ("input tokens", view.input_tokens, account.input_tokens),
        ("output tokens", view.output_tokens, account.output_tokens),
    ]
    return [
        f"{name}: {told:,} according to the batch, {counted:,} according to its lines"
        for name, told, counted in pairs
        if told and told != counted
    ]


def _say_refused(view: BatchView, shard: Shard) -> str:
    quoted = "; ".join(_say_problem(problem, shard) for problem in view.problems[:5]) or "no reason given"
    return (
        f"The provider's validation refused batch {view.batch_id} ({shard.title}): {quoted.rstrip('.')}. None of it "
        "ran or was billed. Answers already paid for are kept. Fix the request and run again."
    )


def _say_problem(problem: Problem, shard: Shard) -> str:
    """`line 2 (harbour-bakery-articles-article-03-1a2b3c4d): invalid_json_line: ...`"""
    if not problem.line:
        return f"{problem.code}: {problem.message}"
    call = _call(problem, shard)
    item = f" ({call})" if call else ""
    return f"line {problem.line}{item}: {problem.code}: {problem.message}"


def _call(problem: Problem, shard: Shard) -> str | None:
    """The id of the call that the provider identifies by its line."""
    return shard.ids[problem.line - 1] if problem.line and problem.line <= len(shard.ids) else None
