"""A whole site, by the command, on a provider that fails at every endpoint in turn."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pressrun.simulator import FaultScript
from tests.live.commands import IMAGES, finish, start
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

EXAMPLE = Path(__file__).parents[2] / "examples/faults/bad-day.yaml"
ENDPOINTS = [
    "GET /v1/batches",
    "POST /v1/files",
    "POST /v1/batches",
    "GET /v1/batches/{id}",
    "GET /v1/files/{id}/content",
    "POST /v1/chat/completions",
    "POST /v1/images/generations",
]
FAULTS = [
    {"do": "status", "status": 500},
    {"do": "status", "status": 429, "code": "rate_limit_exceeded", "retry_after": 0.2},
    {"do": "drop_before"},
]


def manifest(folder: Path) -> Any:
    return json.loads((folder / "out/harbour-bakery/manifest.json").read_text())


def test_a_site_is_complete_with_one_batch_when_every_endpoint_fails_in_turn(tmp_path: Path, server: Server) -> None:
    # Each endpoint fails once in each way, one after the other; then the batch is created and its creation unheard.
    requests = [{"at": at, **fault} for at in ENDPOINTS for fault in FAULTS]
    server.faults({"requests": [*requests, {"at": "POST /v1/batches", "do": "drop_after"}]})
    assert "is complete" in finish(start(tmp_path))
    assert server.was_hit()
    assert server.batches() == 1
    found = manifest(tmp_path)
    assert (found["complete"], found["missing"]) == (True, [])
    [batch] = found["batches"]
    assert batch["answered"] == batch["submitted"]


def test_the_example_of_a_bad_day_ends_well_and_the_report_shows_both_prices(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The example's batch is not in the list at first.
    monkeypatch.setenv("PRESSRUN_LIST_LAG", "12")
    script = FaultScript.model_validate(YAML(typ="safe").load(EXAMPLE))
    server.faults(script.model_dump(mode="json"))
    assert "is complete" in finish(start(tmp_path))
    assert server.batches() == 1
    found = manifest(tmp_path)
    [batch] = found["batches"]
    assert batch["status"] == "expired"
    assert 0 < batch["answered"] < batch["submitted"]
    by_batch = [call for call in found["calls"] if call["route"] == "batch"]
    assert len(by_batch) == batch["answered"]
    assert {call["batch_id"] for call in by_batch} == {batch["id"]}
    # Not one answered line is paid again: the others, and only they, were asked in real time.
    assert server.posts()["chat"] == 1 + batch["unanswered"]
    report = (tmp_path / "out/harbour-bakery/costs.md").read_text()
    assert "batch" in report
    assert "real time" in report
    assert sum(Decimal(call["cost_usd"]) for call in found["calls"]) > 0
    assert server.posts()["images"] == IMAGES
