"""One real-time call as a task of a real Prefect, against a provider in raw HTTP."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from pressrun.calls import Answer, Call, Route
from pressrun.costs.books import Books
from pressrun.costs.ledger import CallEstimate, CallStatus, Origin, ledger_row
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.most import most_usage
from pressrun.errors import CallFailed
from pressrun.prices import Tier
from pressrun.progress import CallDone, Event, Note, listening
from pressrun.routes.provider import Provider
from pressrun.routes.realtime import TemporaryFailure
from tasks.answers import answer_now
from tests.calls_builder import NOW, a_call, a_chat_reply
from tests.routes.raw_server import Asked, RawServer, Reply, serving

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr("pressrun.routes.realtime.sleep", lambda _seconds: None)
    monkeypatch.setattr(answer_now, "retry_delay_seconds", 0)


def refused(code: str, status: int = 429) -> Reply:
    return Reply({"error": {"message": "No.", "type": "t", "param": None, "code": code}}, status=status)


def served(tier: str | None) -> Reply:
    return Reply({**a_chat_reply("Hello"), "service_tier": tier})


def by_tier(*, flex: Reply, standard: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: flex if tier_asked(asked) == "flex" else standard


def tier_asked(asked: Asked) -> str | None:
    tier: str | None = json.loads(asked.body).get("service_tier")
    return tier


@contextmanager
def a_provider(answer: Callable[[Asked], Reply | None]) -> Iterator[tuple[RawServer, Provider]]:
    with serving(answer) as server:
        yield server, Provider(base_url=server.base_url)


def the_ledger() -> Path:
    return Path(os.environ["PRESSRUN_STATE_DIR"]) / "answers.sqlite"


@flow
def asking(calls: list[Call], provider: Provider, route: Route) -> list[Any]:
    """What becomes of these calls: answers and failures."""
    books = Books(path=the_ledger(), budget="b", origin=Origin(run_id="r"))
    futures = [answer_now.submit(call, provider, route, books, CallEstimate()) for call in calls]
    return [future.result(raise_on_failure=False) for future in futures]


def ask_all(provider: Provider, route: Route = Route.REALTIME, *calls: Call) -> tuple[list[Any], list[Event]]:
    """Each call's end, and what was told meanwhile."""
    events: list[Event] = []
    with listening(events.append):
        return asking(list(calls) or [a_call()], provider, route), events


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def test_by_flex_a_call_is_asked_at_flex_and_told_as_done() -> None:
    with a_provider(by_tier(flex=served("flex"), standard=served("default"))) as (server, provider):
        [answer], events = ask_all(provider, Route.FLEX)
    assert (answer.route, answer.call_id) == (Route.FLEX, a_call().id)
    assert [tier_asked(asked) for asked in server.asked] == ["flex"]
    assert [event.answer for event in events if isinstance(event, CallDone)] == [answer]
    assert notes(events) == []


@pytest.mark.parametrize("route", [Route.REALTIME, Route.BATCH])
def test_by_any_other_route_no_tier_is_asked_for(route: Route) -> None:
    with a_provider(by_tier(flex=refused("no"), standard=served("default"))) as (server, provider):
        [answer], _ = ask_all(provider, route)
    assert answer.route is Route.REALTIME
    assert [tier_asked(asked) for asked in server.asked] == [None]


def test_an_answer_that_was_paid_for_serves_at_every_tier() -> None:
    with a_provider(by_tier(flex=served("flex"), standard=served("default"))) as (server, provider):
        first, second = a_call("article-01"), a_call("article-02")
        [by_flex], _ = ask_all(provider, Route.FLEX, first)
        [standard], _ = ask_all(provider, Route.REALTIME, second)
        assert ask_all(provider, Route.REALTIME, first)[0] == [by_flex]
        assert ask_all(provider, Route.FLEX, second)[0] == [standard]
    assert len(server.asked) == 2


def test_without_capacity_the_standard_tier_answers_at_its_price_and_the_run_says_so_once() -> None:
    calls = [a_call(f"article-{number:02d}") for number in range(1, 5)]
    with a_provider(by_tier(flex=refused("resource_unavailable"), standard=served("default"))) as (server, provider):
        answers, events = ask_all(provider, Route.FLEX, *calls)
        [again], _ = ask_all(provider, Route.FLEX, calls[0])
    assert {answer.route for answer in answers} == {Route.REALTIME}
    tiers = [tier_asked(asked) for asked in server.asked]
    assert (tiers.count("flex"), tiers.count(None)) == (3 * 4, 4)
    assert again == answers[0]
    [note] = notes(events)
    assert "flex did not accept the request (resource_unavailable); sending it at the standard tier" in note
    row = ledger_row(calls[0], answers[0], valid=True, at=NOW, origin=Origin(run_id="run-1"))
    assert (row.route, row.tier, row.cost_usd) == (Route.REALTIME, Tier.STANDARD, row.realtime_usd)


def test_a_second_run_says_it_too() -> None:
    with a_provider(by_tier(flex=refused("resource_unavailable"), standard=served("default"))) as (_, provider):
        told = [notes(ask_all(provider, Route.FLEX, a_call(item))[1]) for item in ("article-01", "article-02")]
    assert [len(each) for each in told] == [1, 1]


def test_a_reply_that_does_not_confirm_flex_is_told() -> None:
    with a_provider(lambda _asked: served(None)) as (server, provider):
        [answer], events = ask_all(provider, Route.FLEX)
    assert answer.route is Route.REALTIME
    assert len(server.asked) == 1
    [note] = notes(events)
    assert "did not confirm flex" in note


def test_a_spent_quota_costs_one_request_in_all() -> None:
    for route in (Route.REALTIME, Route.FLEX):
        with a_provider(lambda _asked: refused("insufficient_quota")) as (server, provider):
            [failure], _ = ask_all(provider, route)
        assert isinstance(failure, CallFailed)
        assert len(server.asked) == 1


def test_a_reply_that_broke_off_is_asked_for_anew_and_one_that_cannot_be_read_is_left_to_the_next_run() -> None:
    left = [Reply(b"<html>Welcome</html>", content_type="text/html"), Reply(a_chat_reply("x"), missing=9)]
    with a_provider(lambda _asked: left.pop() if left else served("default")) as (server, provider):
        [failure], _ = ask_all(provider)
        assert isinstance(failure, TemporaryFailure)
        assert len(server.asked) == 2
        [answer], _ = ask_all(provider)
    assert isinstance(answer, Answer)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("item", "reply"),
    [("page", Reply(b"<html>Welcome</html>", content_type="text/html")),
     ("error", Reply({"error": {"message": "Broken off", "code": 400}, "usage": {"prompt_tokens": 900}}))],
    ids=["a page", "an error that reports usage"],
)  # fmt: skip
def test_a_reply_that_is_no_answer_is_in_the_ledger_at_the_most_it_can_have_cost(item: str, reply: Reply) -> None:
    call = a_call(item)
    with a_provider(lambda _asked: reply) as (_, provider):
        [failure], _ = ask_all(provider, Route.REALTIME, call)
    assert isinstance(failure, TemporaryFailure | CallFailed)
    [row] = LedgerFile(the_ledger()).find(call.id)
    assert (row.status, row.usage_known) == (CallStatus.INVALID, False)
    assert row.usage.input == max(most_usage(call).input, 900 if item == "error" else 0)
    assert row.usage.output == most_usage(call).output


def test_a_provider_that_asks_for_hours_is_not_asked_again_in_this_run() -> None:
    reply = refused("rate_limit_exceeded")
    later = Reply(reply.body, status=429, content_type="application/json\r\nRetry-After: 7200")
    with a_provider(lambda _asked: later) as (server, provider):
        [failure], _ = ask_all(provider)
    assert isinstance(failure, TemporaryFailure)
    assert len(server.asked) == 1
