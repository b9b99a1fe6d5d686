"""The fault script, as clients meet it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from pressrun.simulator import running_simulator
from pressrun.simulator.faults import BatchFault, Faults, FaultScript, LineFault
from tests.simulator.driving import a_chat, a_line, connect, read_lines, submit, wait_for

LINES = [a_line(f"item-{number}") for number in range(4)]


@contextmanager
def faulty(folder: Path, **script: Any) -> Iterator[OpenAI]:
    """A client of a simulator on which these things go wrong."""
    faults = FaultScript.model_validate(script)
    with running_simulator(folder, batch_seconds=0.1, faults=faults) as url, connect(url) as client:
        yield client


def stats(client: OpenAI) -> dict[str, int]:
    counts: dict[str, int] = httpx2.get(f"{str(client.base_url).removesuffix('/v1/')}/simulator/stats").json()
    return counts


def test_a_fault_strikes_after_its_skips_and_as_often_as_it_says() -> None:
    faults = Faults(FaultScript(batches=(BatchFault(skip=1, times=2, stuck="validating"),)))
    assert faults.left == 3
    struck = [faults.of_batch("/v1/chat/completions").stuck for _ in range(5)]
    assert struck == [None, "validating", "validating", None, None]
    assert faults.left == 0


def test_a_fault_may_be_for_the_batch_of_one_site() -> None:
    faults = Faults(FaultScript(batches=(BatchFault(site="bakery", seconds=9),)))
    struck = [faults.of_batch("/v1/chat/completions", site).seconds for site in (None, "bakery,tailor", "bakery")]
    assert struck == [None, None, 9]


def test_faults_with_the_same_words_are_counted_apart() -> None:
    fault = LineFault(item="a", do="missing")
    faults = Faults(FaultScript(lines=(fault, LineFault(item="a", do="missing"))))
    assert [faults.of_line("a") is not None for _ in range(3)] == [True, True, False]


def test_without_a_script_nothing_strikes() -> None:
    faults = Faults()
    assert faults.of_request("POST /v1/batches") is None
    assert faults.of_line("a") is None
    assert faults.of_reply({"model": "m"}) is None
    assert faults.of_batch("/v1/chat/completions") == BatchFault()


@pytest.mark.parametrize(("do", "is_done"), [("drop_before", False), ("drop_after", True), ("cut", True)])
def test_a_dropped_answer_is_a_connection_error_whether_the_work_was_done_or_not(
    tmp_path: Path, do: str, is_done: bool
) -> None:
    with faulty(tmp_path, requests=[{"at": "POST /v1/batches", "do": do}]) as client:
        with pytest.raises(openai.APIConnectionError):
            submit(client, *LINES)
        assert len(client.batches.list().data) == is_done
        assert stats(client)["POST /v1/batches"] == 1


@pytest.mark.parametrize(("do", "is_done"), [("status", False), ("status_after", True)])
def test_an_error_status_may_or_may_not_mean_that_the_work_was_done(tmp_path: Path, do: str, is_done: bool) -> None:
    fault = {"at": "POST /v1/batches", "do": do, "status": 429, "code": "rate_limit_exceeded", "retry_after": 7}
    with faulty(tmp_path, requests=[fault]) as client:
        with pytest.raises(openai.RateLimitError) as error:
            submit(client, *LINES)
        assert (error.value.code, error.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "7")
        assert len(client.batches.list().data) == is_done


def test_a_web_page_comes_with_status_200(tmp_path: Path) -> None:
    with faulty(tmp_path, requests=[{"at": "GET /v1/models", "do": "garbage"}]) as client:
        reply = client.get("/models", cast_to=httpx2.Response)
        assert reply.headers["content-type"].startswith("text/html")
        assert client.models.list().data


@pytest.mark.parametrize(
    ("end", "share", "answered"), [("expired", 0.5, 2), ("cancelled", 0.0, 0), ("expired", 1.0, 4)]
)
def test_a_batch_ends_early_at_its_share(tmp_path: Path, end: str, share: float, answered: int) -> None:
    with faulty(tmp_path, batches=[{"end": end, "share": share}]) as client:
        batch = wait_for(client, submit(client, *LINES))
        assert batch.status == end
        assert len(read_lines(client, batch.output_file_id)) == answered
        assert len(read_lines(client, batch.error_file_id)) == 4 - answered


def test_a_refusal_by_validation_has_the_code_the_line_and_no_files(tmp_path: Path) -> None:
    fault = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached.", "line": None}
    with faulty(tmp_path, batches=[fault]) as client:
        batch = wait_for(client, submit(client, *LINES))
        assert batch.status == "failed"
        assert batch.errors is not None and batch.errors.data is not None
        assert [(problem.code, problem.line) for problem in batch.errors.data] == [("token_limit_exceeded", None)]
        assert (batch.output_file_id, batch.error_file_id) == (None, None)


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing"])
def test_a_stuck_batch_stays_where_it_is_until_it_is_cancelled(tmp_path: Path, status: str) -> None:
    with faulty(tmp_path, batches=[{"stuck": status}]) as client:
        batch = wait_for(client, submit(client, *LINES), frozenset({status}))
        client.batches.cancel(batch.id)
        assert wait_for(client, batch).status == "cancelled"


def test_a_deaf_batch_is_not_cancelled(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"deaf": True}]) as client:
        batch = submit(client, *LINES)
        assert client.batches.cancel(batch.id).status != "cancelling"
        assert wait_for(client, batch).status == "completed"


def test_a_batch_may_be_hidden_from_the_list_or_from_everyone(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"unlisted": 60}, {"vanish": 0}]) as client:
        hidden = submit(client, *LINES)
        assert client.batches.list().data == []
        assert client.batches.retrieve(hidden.id).id == hidden.id
        gone = submit(client, *LINES)
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve(gone.id)


def test_files_may_lag_behind_the_end(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"late_output": 60}]) as client:
        batch = wait_for(client, submit(client, *LINES))
        assert (batch.status, batch.output_file_id) == ("completed", None)


@pytest.mark.parametrize(
    ("do", "ids"),
    [
        ("missing", ["item-0", "item-2", "item-3"]),
        ("duplicate", ["item-0", "item-1", "item-1", "item-2", "item-3"]),
        ("stranger", ["item-0", "item-1", "item-2", "item-3", "nobody-asked-for-this"]),
    ],
)
def test_lines_may_be_missing_doubled_or_strange(tmp_path: Path, do: str, ids: list[str]) -> None:
    with faulty(tmp_path, lines=[{"item": "item-1", "do": do}]) as client:
        batch = wait_for(client, submit(client, *LINES))
        text = client.files.content(str(batch.output_file_id)).text
    assert sorted(line.split('"custom_id": "')[1].split('"')[0] for line in text.splitlines()) == ids


def test_a_line_may_fail_with_a_status_of_its_own(tmp_path: Path) -> None:
    with faulty(tmp_path, lines=[{"item": "item-1", "do": "error", "status": 429, "code": "slow_down"}]) as client:
        batch = wait_for(client, submit(client, *LINES))
        [line] = read_lines(client, batch.error_file_id).values()
    assert line["response"]["status_code"] == 429
    assert line["response"]["body"]["error"]["code"] == "slow_down"


@pytest.mark.parametrize(
    ("do", "finish", "has_refusal"),
    [("truncated", "length", False), ("refusal", "stop", True), ("off_schema", "stop", False)],
)
def test_a_reply_in_real_time_may_be_unfit_too(tmp_path: Path, do: str, finish: str, has_refusal: bool) -> None:
    with faulty(tmp_path, lines=[{"item": "bread", "do": do, "in_real_time": True}]) as client:
        choice = client.chat.completions.create(**a_chat()).choices[0]
        assert (choice.finish_reason, bool(choice.message.refusal)) == (finish, has_refusal)
        assert client.chat.completions.create(**a_chat()).choices[0].message.refusal is None


def test_a_script_can_be_replaced_while_the_server_runs_and_a_faulty_one_is_refused(tmp_path: Path) -> None:
    with faulty(tmp_path) as client:
        url = f"{str(client.base_url).removesuffix('/v1/')}/simulator/faults"
        assert httpx2.post(url, json={"requests": [{"at": "GET /v1/models", "do": "status"}]}).json()["left"] == 1
        with pytest.raises(openai.InternalServerError):
            client.models.list()
        assert httpx2.get(url).json()["left"] == 0
        assert httpx2.post(url, json={"requests": [{"at": "GET /v1/models", "do": "nonsense"}]}).status_code == 422
