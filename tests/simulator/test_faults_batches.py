"""Faults of whole batches, as clients meet them."""

import json
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from pressrun.simulator import FaultScript, running_simulator
from tests.simulator.driving import IMAGES, a_line, connect, read_lines, submit, wait_for
from tests.simulator.test_faults import LINES, faulty


def ended(client: OpenAI, *lines: dict[str, Any]) -> Batch:
    """The end of a batch of these lines."""
    return wait_for(client, submit(client, *(lines or LINES)))


@pytest.mark.parametrize("pause", [0.0, 0.3, 0.6, 0.9])
def test_late_files_are_as_late_as_the_script_says_and_come(tmp_path: Path, pause: float) -> None:
    with faulty(tmp_path, batches=[{"late_output": 0.3}]) as client:
        sleep(pause)  # timestamps have whole seconds; the delay must not depend on where in a second it begins
        batch, begun = ended(client), monotonic()
        assert (batch.status, batch.output_file_id) == ("completed", None)
        while batch.output_file_id is None:
            assert monotonic() < begun + 5
            batch = client.batches.retrieve(batch.id)
        assert monotonic() - begun > 0.15
        assert len(read_lines(client, batch.output_file_id)) == 4


def test_a_lagging_list_shows_the_batch_in_the_end(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"unlisted": 0.3}]) as client:
        batch = submit(client, *LINES)
        assert client.batches.list().data == []
        deadline = monotonic() + 5
        while not (listed := client.batches.list().data):
            assert monotonic() < deadline
        assert [shown.id for shown in listed] == [batch.id]


def test_a_hidden_batch_takes_no_place_in_a_page(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"skip": 1, "times": 2, "unlisted": 60}]) as client:
        first, _, _, last = (submit(client, a_line()).id for _ in range(4))
        page = client.batches.list(limit=1)
        assert [batch.id for batch in page.data] == [last]
        assert [batch.id for batch in page] == [last, first]


def test_a_batch_that_vanished_cannot_be_cancelled_either(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"vanish": 0, "stuck": "validating"}]) as client:
        gone = submit(client, *LINES).id
        with pytest.raises(openai.NotFoundError):
            client.batches.cancel(gone)


def test_only_batches_of_the_endpoint_are_struck(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"endpoint": IMAGES, "code": "no_pictures_today"}]) as client:
        assert ended(client).status == "completed"


def test_oddities_of_the_batch_object_are_shown_as_they_are(tmp_path: Path) -> None:
    oddities = {"empty_ids": True, "no_usage": True, "miscounted": -3}
    with faulty(tmp_path, batches=[oddities]) as client:
        created = submit(client, *LINES)
        assert created.request_counts is not None and created.request_counts.completed == 0
        batch = wait_for(client, created)
    assert (batch.error_file_id, batch.usage) == ("", None)
    assert batch.output_file_id
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.total) == (1, 4)


def test_an_unknown_status_stands_in_for_in_progress_only(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"status_text": "scheduling"}]) as client:
        batch = submit(client, *LINES)
        assert batch.status == "validating"
        assert str(wait_for(client, batch, frozenset({"scheduling", "completed"})).status) == "scheduling"
        assert wait_for(client, batch).status == "completed"


def test_bodies_may_be_text_and_errors_bare(tmp_path: Path) -> None:
    fault = {"end": "expired", "share": 0.5, "body_as_text": True, "bare_errors": True}
    with faulty(tmp_path, batches=[fault]) as client:
        batch = ended(client)
        output, errors = read_lines(client, batch.output_file_id), read_lines(client, batch.error_file_id)
    assert all(json.loads(line["response"]["body"])["choices"] for line in output.values())
    assert {("response" in line, line["error"]["code"]) for line in errors.values()} == {(False, "batch_expired")}


def test_the_share_of_many_lines_is_exact(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"end": "expired", "share": 0.29}]) as client:
        batch = ended(client, *(a_line(f"item-{number}") for number in range(100)))
        assert len(read_lines(client, batch.output_file_id)) == 29


def test_what_is_wrong_with_a_batch_outlives_a_restart(tmp_path: Path) -> None:
    faults = FaultScript.model_validate({"batches": [{"end": "expired", "share": 0.5, "empty_ids": True}]})
    with running_simulator(tmp_path, batch_seconds=0.3, faults=faults) as url:
        batch = submit(connect(url), *LINES)
    with running_simulator(tmp_path) as url:
        client = connect(url)
        done = wait_for(client, batch)
        assert done.status == "expired"
        assert len(read_lines(client, done.output_file_id)) == 2
