"""Every fault of the wire at every phase of a batch: in all of them one batch, and one answer for each call.

The steps are those of the tasks in `tasks/batches`, which Prefect tries again; the pauses between are left out.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any, TypeVar

import openai
import pytest
from openai import OpenAI

from pressrun.errors import PressrunError
from pressrun.routes.batch import (
    BatchTicket,
    BatchView,
    BatchWatch,
    Decision,
    Move,
    cancel,
    harvest,
    look_watched,
    may_help,
)
from tests.calls_builder import a_call
from tests.provider import Server
from tests.routes.driving import a_shard, connect, submit

PHASES = {
    "looking for a batch": "GET /v1/batches",
    "uploading": "POST /v1/files",
    "creating": "POST /v1/batches",
    "polling": "GET /v1/batches/{id}",
    "downloading": "GET /v1/files/{id}/content",
}
HTTP_FAULTS: dict[str, dict[str, Any]] = {
    "429": {"do": "status", "status": 429, "code": "rate_limit_exceeded"},
    "429 that says when": {"do": "status", "status": 429, "code": "rate_limit_exceeded", "retry_after": 1},
    "500": {"do": "status", "status": 500},
    "503": {"do": "status", "status": 503},
    "500 after the work was done": {"do": "status_after", "status": 500},
    "dropped before the work": {"do": "drop_before"},
    "dropped after the work": {"do": "drop_after"},
    "cut off": {"do": "cut"},
    "a web page": {"do": "garbage"},
    "slow": {"do": "slow", "seconds": 0.5},
}
CANCEL = "POST /v1/batches/{id}/cancel"
ATTEMPTS = 5
"""As many as the tasks have."""

Made = TypeVar("Made")


def tried_again(step: Callable[[], Made]) -> Made:
    """What a step comes to when it is tried again as its task is."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return step()
        except (openai.OpenAIError, PressrunError) as error:
            if attempt == ATTEMPTS or not may_help(error):
                raise
    raise AssertionError("the last attempt returns or raises")


def until_ended(client: OpenAI, ticket: BatchTicket, *, wait: timedelta = timedelta(hours=1)) -> BatchView:
    """Look until the batch is to be harvested; at its deadline it is cancelled."""
    pause = timedelta(seconds=0.02)
    watch = BatchWatch(deadline=datetime.now(UTC) + wait, first=pause, longest=pause)
    while True:
        views, decisions = look_watched(client, {ticket.batch_id: watch})
        decision: Decision = decisions[ticket.batch_id]
        assert decision.move is not Move.STOP, decision.text
        if decision.move is Move.CANCEL:
            cancel(client, ticket.batch_id)
        if decision.move is Move.HARVEST:
            return views[ticket.batch_id]
        sleep(decision.pause.total_seconds())


def through(server: Server, *, wait: timedelta = timedelta(hours=1)) -> Any:
    """Four calls, from submission to harvest."""
    shard = a_shard(*(a_call(f"article-{number:02d}") for number in range(1, 5)))
    with connect(server.base_url) as client:
        ticket = tried_again(lambda: submit(client, shard, run_id="run-1"))
        view = until_ended(client, ticket, wait=wait)
        return tried_again(lambda: harvest(client, view, shard, run_id="run-1"))


@pytest.mark.parametrize("fault", HTTP_FAULTS)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("server", [0.05], indirect=True)
def test_a_fault_of_the_wire_costs_time_and_nothing_else(server: Server, phase: str, fault: str) -> None:
    server.faults({"requests": [{"at": PHASES[phase], **HTTP_FAULTS[fault]}]})
    harvested = through(server)
    assert [answer.error for answer in harvested.answers] == [None] * 4
    account = harvested.account
    assert account.submitted == account.answered == 4
    assert server.batches() == 1
    assert server.was_hit()


@pytest.mark.parametrize("fault", ["429", "500", "dropped after the work", "a web page"])
@pytest.mark.parametrize("server", [6.0], indirect=True)
def test_a_cancellation_that_fails_is_asked_for_again(server: Server, fault: str) -> None:
    server.faults({"requests": [{"at": CANCEL, **HTTP_FAULTS[fault]}]})
    account = through(server, wait=timedelta(0)).account
    assert account.submitted == account.answered + account.unanswered == 4
    assert server.statuses() == ["cancelled"]
    assert server.was_hit()
