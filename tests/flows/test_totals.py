"""Every total anywhere is the same sum, and that sum is the provider's bill, whatever goes wrong in the run."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.build_site import build_site
from pressrun.strategy import BatchStrategy
from tests.builders import a_brief
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

SLUG = a_brief().slug
CHAT, IMAGE, CREATE = "POST /v1/chat/completions", "POST /v1/images/generations", "POST /v1/batches"

COURSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "all goes well": ({}, {}),
    "everything by batch": ({}, {"preference": "cost"}),
    "flex": ({}, {"preference": "speed", "realtime_tier": "flex"}),
    "no packing, nothing cacheable": ({}, {"pack_items": False, "share_prefix": False, "fit_effort": False}),
    "the batch expires half done": ({"batches": [{"end": "expired", "share": 0.5}]}, {}),
    "the batch expires and its rest is submitted again": (
        {"batches": [{"end": "expired", "share": 0.5}]},
        {"on_timeout": "resubmit"},
    ),
    "lines fail": ({"lines": [{"item": "article-0[23]", "do": "error", "status": 429, "times": 2}]}, {}),
    "a reply is cut off and repaired": ({"lines": [{"item": "article-02", "do": "truncated"}]}, {}),
    "replies in real time fail first": (
        {"requests": [{"at": CHAT, "do": "status", "status": 500}, {"at": IMAGE, "do": "status", "status": 429}]},
        {},
    ),
    "the second run": ({}, {}),
    "images from refined prompts": ({}, {"preference": "cost", "refined_prompts": True}),
    "images looked at and made again": ({}, {"review_images": 2, "regenerate_below": 100}),
}
"""What goes wrong, and how the site is asked for."""


def read(tmp_path: Path, name: str) -> str:
    return (tmp_path / "out" / SLUG / name).read_text()


@pytest.mark.parametrize("course", COURSES)
def test_every_total_is_the_sum_of_the_rows_and_the_providers_bill(
    tmp_path: Path, server: Server, course: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressrun.routes.realtime.sleep", lambda _seconds: None)
    faults, strategy = COURSES[course]
    server.faults(faults)
    for _ in range(2 if course == "the second run" else 1):
        state = build_site(
            brief=a_brief(pages=["Home", "Classes"], image_count=2),
            strategy=BatchStrategy.model_validate(strategy),
            out=str(tmp_path / "out"),
            poll_seconds=0.1,
            return_state=True,
        )
    assert state.is_completed(), state.message
    assert server.was_hit()

    manifest, costs = json.loads(read(tmp_path, "manifest.json")), json.loads(read(tmp_path, "costs.json"))
    lines = list(csv.DictReader(io.StringIO(read(tmp_path, "costs.csv"))))
    sums = {
        "the flow's result": state.result().cost_usd,
        "the manifest": sum(Decimal(call["cost_usd"]) for call in manifest["calls"]),
        "costs.csv": sum(Decimal(line["cost_usd"]) for line in lines),
        "costs.json": Decimal(costs["total"]),
        "costs.json by step": sum(Decimal(step["usd"]) for step in costs["by_step"].values()),
        "costs.json by call": sum(Decimal(call["cost_usd"]) for call in costs["calls"]),
        "the provider's bill": server.bill(),
    }
    assert len(set(sums.values())) == 1, sums
    assert server.bill() > 0
