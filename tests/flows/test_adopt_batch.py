"""A batch that another installation made, taken over before its answers are lost."""

import re
from collections.abc import Callable

import openai
import pytest

from flows.adopt_batch import adopt_batch
from tests.flows.batch_runs import some_calls, through_batch
from tests.provider import Server
from tests.routes.driving import a_shard, connect, submit, until_ended

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_the_next_run_uses_an_adopted_batch_even_when_the_provider_has_forgotten_it(server: Server) -> None:
    calls = some_calls("adopted")
    with connect(server.base_url) as client:
        ticket = submit(client, a_shard(*calls), run_id="elsewhere")
        view = until_ended(client, ticket)
        state = adopt_batch(ticket.batch_id, return_state=True)
        assert state.is_completed(), state.message
        assert "4 answers are stored here, 0 of 4" in state.message
        for file_id in [*view.result_files, view.input_file_id]:
            client.files.delete(str(file_id))
    outcome = through_batch(server, calls)
    assert outcome.routes == {"batch": 4}
    assert {answer.run_id for answer in outcome.answers.values()} == {"elsewhere"}
    assert server.batches() == 1


@pytest.mark.parametrize("server", [3.0], indirect=True)
def test_a_batch_that_still_runs_is_waited_for_by_the_next_run(server: Server) -> None:
    calls = some_calls("adopted-running")
    with connect(server.base_url) as client:
        ticket = submit(client, a_shard(*calls), run_id="elsewhere")
        state = adopt_batch(ticket.batch_id, return_state=True)
    assert "the next run of its brief waits for it" in state.message
    assert through_batch(server, calls).routes == {"batch": 4}
    assert server.batches() == 1


def a_foreign_batch(client: openai.OpenAI) -> str:
    line = b'{"custom_id": "mine", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-6-luna"}}\n'
    file = client.files.create(file=("input.jsonl", line), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h").id


def one_without_input(client: openai.OpenAI) -> str:
    ticket = submit(client, a_shard(*some_calls("no-input")), run_id="elsewhere")
    client.files.delete(str(until_ended(client, ticket).input_file_id))
    return ticket.batch_id


@pytest.mark.parametrize(
    ("make", "said"),
    [(a_foreign_batch, "Line 1 of the input .* is not Pressrun's"), (one_without_input, "is gone")],
)
def test_what_is_not_ours_is_refused(server: Server, make: Callable[[openai.OpenAI], str], said: str) -> None:
    with connect(server.base_url) as client:
        state = adopt_batch(make(client), return_state=True)
    assert state.name == "Refused"
    assert re.search(said, state.message), state.message
