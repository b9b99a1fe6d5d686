"""A model that has another name in batches: what is sent where, and that nothing is paid for twice."""

from collections import Counter
from typing import Any

import pytest

from flows.adopt_batch import adopt_batch
from pressrun.calls import Call
from pressrun.errors import BatchRejected
from tests.calls_builder import a_call
from tests.flows.batch_runs import through_batch
from tests.patience import get
from tests.provider import Server
from tests.routes.driving import a_shard, connect, submit

pytestmark = pytest.mark.usefixtures("prefect_api")

IN_BATCHES = "gpt-5.4-mini"
"""Any other model that the simulator has: a deployment's name stands for whatever the provider says."""


def named_calls(site: str, name: str = IN_BATCHES) -> list[Call]:
    return [a_call(f"article-{number:02d}", site=site, batch_model=name) for number in range(1, 5)]


def asked_of(server: Server) -> Counter[tuple[str, bool]]:
    """How many requests each model was billed for, in real time (False) and by batch (True)."""
    bill: list[dict[str, Any]] = get(server.base_url.replace("/v1", "/simulator/bill")).json()
    return Counter((item["model"], bool(item["batch"])) for item in bill)


def test_a_batch_asks_by_its_own_name_and_a_changed_preference_pays_for_nothing_twice(server: Server) -> None:
    calls = named_calls("two-names")
    assert through_batch(server, calls).routes == {"batch": 4}
    assert asked_of(server) == {(IN_BATCHES, True): 4}
    assert through_batch(server, calls, preference="speed").routes == {"batch": 4}
    assert asked_of(server) == {(IN_BATCHES, True): 4}


def test_what_a_batch_leaves_over_is_asked_in_real_time_by_the_name_there_once(server: Server) -> None:
    calls = named_calls("two-names-left")
    server.faults({"batches": [{"end": "expired", "share": 0.5}]})
    assert through_batch(server, calls).routes == {"batch": 2, "realtime": 2}
    assert asked_of(server) == {(IN_BATCHES, True): 2, ("gpt-6-luna", False): 2}
    assert through_batch(server, calls).answered == 4
    assert sum(asked_of(server).values()) == 4


def test_real_time_answers_are_not_asked_for_again_by_batch(server: Server) -> None:
    calls = named_calls("two-names-speed")
    assert through_batch(server, calls, preference="speed").routes == {"realtime": 4}
    assert through_batch(server, calls).routes == {"realtime": 4}
    assert asked_of(server) == {("gpt-6-luna", False): 4}


def test_a_wrong_name_is_refused_at_no_cost_and_the_right_one_is_sent_next(server: Server) -> None:
    with pytest.raises(BatchRejected):
        through_batch(server, named_calls("two-names-wrong", "no-such-deployment"))
    assert asked_of(server) == {}
    assert through_batch(server, named_calls("two-names-wrong")).routes == {"batch": 4}
    assert asked_of(server) == {(IN_BATCHES, True): 4}


def test_a_batch_under_way_is_taken_up_though_its_name_was_changed_since(server: Server) -> None:
    assert through_batch(server, named_calls("two-names-changed")).routes == {"batch": 4}
    assert through_batch(server, named_calls("two-names-changed", "gpt-5.4")).routes == {"batch": 4}
    assert server.batches() == 1


def test_a_batch_under_another_name_can_be_adopted(server: Server) -> None:
    calls = named_calls("two-names-adopted")
    with connect(server.base_url) as client:
        ticket = submit(client, a_shard(*calls), run_id="elsewhere")
    state = adopt_batch(ticket.batch_id, return_state=True)
    assert state.is_completed(), state.message
    assert through_batch(server, calls).routes == {"batch": 4}
    assert server.batches() == 1
