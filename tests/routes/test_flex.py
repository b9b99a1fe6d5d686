"""The flex tier: what is asked for, what the provider confirms, and when it is left."""

import json

import pytest
from openai import OpenAI

from pressrun.calls import Answer, Route
from pressrun.errors import CallFailed
from pressrun.prices import Tier
from pressrun.routes.realtime import FlexUnavailable, ask, time_limit
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import connect
from tests.routes.raw_server import Reply
from tests.routes.realtime_calls import a_refusal, a_story

FLEX_HELLO = Reply({**a_chat_reply("Hello"), "service_tier": "flex"})
NO_CAPACITY = a_refusal(429, code="resource_unavailable")
TIERS = (Tier.STANDARD, Tier.FLEX)


def test_at_flex_the_request_names_the_tier_and_the_call_stays_the_same() -> None:
    answer, server = a_story(FLEX_HELLO, tier=Tier.FLEX)
    assert isinstance(answer, Answer)
    assert (answer.route, answer.call_id) == (Route.FLEX, a_call().id)
    assert json.loads(server.asked[0].body) == {**a_call().body, "service_tier": "flex"}


def test_an_answer_at_flex_that_the_simulator_confirms_is_served_by_flex(client: OpenAI) -> None:
    call = a_call()
    call = call.model_copy(update={"body": {**call.body, "max_completion_tokens": 5_000}})
    answer = ask(client, call, run_id=None, tier=Tier.FLEX)
    assert answer.route is Route.FLEX
    assert answer.body is not None and answer.body["service_tier"] == "flex"


@pytest.mark.parametrize("echoed", ["default", None, 1, "FLEX"])
def test_a_reply_that_does_not_confirm_flex_counts_as_real_time(echoed: object) -> None:
    answer, _ = a_story(Reply({**a_chat_reply("Hello"), "service_tier": echoed}), tier=Tier.FLEX)
    assert isinstance(answer, Answer) and answer.route is Route.REALTIME


def test_a_lack_of_capacity_is_believed_after_three_requests(waits: list[float]) -> None:
    failure, server = a_story(*[NO_CAPACITY] * 9, retries=8, tier=Tier.FLEX)
    assert isinstance(failure, FlexUnavailable)
    assert (len(server.asked), len(waits)) == (3, 2)


def test_capacity_that_comes_back_at_once_is_used(waits: list[float]) -> None:
    answer, server = a_story(NO_CAPACITY, FLEX_HELLO, tier=Tier.FLEX)
    assert isinstance(answer, Answer) and answer.route is Route.FLEX
    assert len(server.asked) == 2


def test_a_provider_that_does_not_know_flex_is_asked_once(waits: list[float]) -> None:
    failure, server = a_story(a_refusal(400, param="service_tier", code="invalid_value"), tier=Tier.FLEX)
    assert isinstance(failure, FlexUnavailable)
    assert (len(server.asked), waits) == (1, [])


def test_a_spent_quota_is_no_lack_of_capacity() -> None:
    failure, server = a_story(a_refusal(429, code="insufficient_quota"), tier=Tier.FLEX)
    assert isinstance(failure, CallFailed)
    assert len(server.asked) == 1


def test_flex_has_fifteen_minutes_to_answer_and_a_longer_limit_stays() -> None:
    with connect("http://127.0.0.1:9/v1") as client:
        clients = [client.with_options(timeout=seconds) for seconds in (20, 3600)]
        limits = [time_limit(each, tier) for each in clients for tier in TIERS]
    assert limits == [20, 900, 3600, 3600]
