"""Faults of the wire that depend on when the connection ends."""

from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import openai
import pytest

from tests.simulator.driving import a_line, submit, wait_for
from tests.simulator.test_faults import faulty


@pytest.mark.parametrize("do", ["drop_before", "drop_after"])
def test_a_client_that_streams_sees_no_answer_of_a_dropped_request(tmp_path: Path, do: str) -> None:
    with faulty(tmp_path, requests=[{"at": "GET /v1/models", "do": do}]) as client:
        with pytest.raises(openai.APIConnectionError) as error, client.models.with_streaming_response.list():
            pytest.fail("a status was seen")
        assert "without sending a response" in str(error.value.__cause__)


def test_a_dropped_request_is_in_the_journal_as_asked_and_unanswered(tmp_path: Path) -> None:
    with faulty(tmp_path, requests=[{"at": "GET /v1/models", "do": "drop_before"}]) as client:
        with pytest.raises(openai.APIConnectionError):
            client.models.list()
        client.models.list()
        journal = httpx2.get(f"{str(client.base_url).removesuffix('/v1/')}/simulator/journal").json()
    assert [(entry["path"], entry["status"]) for entry in journal] == [("/v1/models", 0), ("/v1/models", 200)]


def test_a_download_that_is_cut_has_its_full_length_in_the_header_and_half_of_the_bytes(tmp_path: Path) -> None:
    with faulty(tmp_path, requests=[{"at": "GET /v1/files/{id}/content", "do": "cut"}]) as client:
        batch = wait_for(client, submit(client, a_line()))
        content = client.files.with_streaming_response.content
        received = bytearray()
        with content(str(batch.output_file_id)) as response, pytest.raises(httpx2.RemoteProtocolError):
            for chunk in response.iter_bytes():
                received += chunk
        whole = client.files.content(str(batch.output_file_id)).content
    assert int(response.headers["content-length"]) == len(whole)
    assert bytes(received) == whole[: len(whole) // 2]


def test_a_slow_answer_is_a_good_one_in_the_end(tmp_path: Path) -> None:
    with faulty(tmp_path, requests=[{"at": "GET /v1/models", "do": "slow", "seconds": 0.2}]) as client:
        begun = monotonic()
        assert client.models.list().data
        assert monotonic() - begun >= 0.2


def test_a_client_that_does_not_wait_for_a_slow_answer_gets_a_timeout(tmp_path: Path) -> None:
    with faulty(tmp_path, requests=[{"at": "GET /v1/models", "do": "slow", "seconds": 0.3}]) as client:
        hasty = client.with_options(timeout=0.1)
        with pytest.raises(openai.APITimeoutError):
            hasty.models.list()
        assert client.models.list().data


def test_the_state_of_the_script_says_which_fault_struck_how_often(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [
        {"at": "GET /v1/models", "do": "status", "skip": 1, "times": None},
        {"at": "GET /v1/batches", "do": "status"},
    ]
    with faulty(tmp_path, requests=faults) as client:
        client.models.list()
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                client.models.list()
        state = httpx2.get(f"{str(client.base_url).removesuffix('/v1/')}/simulator/faults").json()
    assert (state["struck"], state["left"]) == ({"requests": [2, 0], "batches": [], "lines": []}, 1)
