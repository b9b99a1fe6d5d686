"""The same client against aimock, a server we did not write, so that our simulator's beliefs are not the only ones."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from openai import BadRequestError, OpenAI

from pressrun.routes.batch import BatchView, Harvested, cancel, harvest, look
from pressrun.routes.needs import Need, check_provider
from pressrun.routes.provider import Provider
from pressrun.routes.realtime import ask
from tests.calls_builder import a_call
from tests.routes.driving import a_shard, connect, submit, until_ended

INSTALLED = Path(__file__).parents[2] / ".pressrun/aimock/node_modules/.bin/llmock"
"""Where `.ci/install-aimock` puts it."""
BINARY = Path(os.environ.get("AIMOCK_BIN") or INSTALLED)
FIXTURES = '{"fixtures": [{"match": {"userMessage": "Write."}, "response": {"content": "Hi"}}]}'

pytestmark = [
    pytest.mark.skipif(not BINARY.exists(), reason=f"aimock is not installed ({BINARY}); run .ci/install-aimock"),
    pytest.mark.skipif(shutil.which("node") is None, reason="aimock needs node, which is not installed"),
]


@pytest.fixture(scope="module")
def aimock_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "fixtures.json").write_text(FIXTURES)
    command = ["node", BINARY, "--host", "127.0.0.1", "--port", "0", "--fixtures", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"{_address(process.stdout)}/v1"
        finally:
            process.terminate()


def _address(output: IO[str]) -> str:
    """The address in aimock's first words; reading ends with the process, should it fail to start."""
    said = []
    for line in output:
        said.append(line)
        if match := re.search(r"listening on (http://\S+)", line):
            return match[1]
    raise AssertionError(f"aimock did not start: {''.join(said)}")


@pytest.fixture
def aimock(aimock_url: str) -> Iterator[OpenAI]:
    with connect(aimock_url) as client:
        yield client


def run_to_the_end(client: OpenAI, outcome: str) -> tuple[BatchView, Harvested]:
    """Submit two calls, poll, harvest; the batch ends as `outcome`, and every call has exactly one answer."""
    shard = a_shard(a_call(site=outcome), a_call("article-02", site=outcome))
    steered = client.with_options(default_headers={"X-AIMock-Batch-Outcome": outcome})
    ticket = submit(steered, shard, run_id="run-1")
    view = until_ended(client, ticket)
    harvested = harvest(client, view, shard, run_id="run-1")
    assert (ticket.adopted, view.status) == (False, outcome)
    assert ([answer.call_id for answer in harvested.answers], harvested.account.strays) == (
        list(shard.ids),
        0,
    )
    return view, harvested


def test_a_completed_batch_gives_every_answer(aimock: OpenAI) -> None:
    view, harvested = run_to_the_end(aimock, "completed")
    assert (view.completed, view.failed, view.total) == (2, 0, 2)
    for answer in harvested.answers:
        assert answer.body is not None
        assert answer.body["choices"][0]["message"]["content"] == "Mock batch completion"
        assert (answer.usage.input, answer.usage.output) == (1, 1)


def test_a_failed_batch_with_an_error_file_gives_every_error(aimock: OpenAI) -> None:
    view, harvested = run_to_the_end(aimock, "failed")
    assert (view.completed, view.failed) == (0, 2)
    assert [answer.code for answer in harvested.answers] == ["mock_failure"] * 2


@pytest.mark.parametrize("outcome", ["expired", "cancelled"])
def test_a_batch_that_ended_without_files_leaves_every_call_to_be_asked_again(aimock: OpenAI, outcome: str) -> None:
    _, harvested = run_to_the_end(aimock, outcome)
    assert all(answer.retryable and answer.code == "missing" for answer in harvested.answers)
    assert {answer.error for answer in harvested.answers} == {f"the batch ended as {outcome} without an answer to this"}


def test_a_batch_is_adopted_and_can_be_cancelled_and_cancelled_again(aimock: OpenAI) -> None:
    shard = a_shard(a_call(site="to-cancel"))
    ticket = submit(aimock, shard, run_id="run-1")
    again = submit(aimock, shard, run_id="run-2")
    assert (again.batch_id, again.adopted) == (ticket.batch_id, True)
    cancel(aimock, ticket.batch_id)
    assert until_ended(aimock, ticket).status == "cancelled"
    with pytest.raises(BadRequestError):
        aimock.batches.cancel(ticket.batch_id)
    cancel(aimock, ticket.batch_id)
    assert look(aimock, ticket.batch_id).status == "cancelled"


def test_it_passes_the_check_and_is_not_taken_for_our_simulator(aimock: OpenAI, aimock_url: str) -> None:
    assert check_provider(aimock, aimock_url, [Need.BATCHES]) == Provider(base_url=aimock_url, simulated=False)


def test_a_chat_is_answered_in_real_time(aimock: OpenAI) -> None:
    answer = ask(aimock, a_call(), run_id=None)
    assert answer.body is not None
    assert answer.body["choices"][0]["message"]["content"] == "Hi"
