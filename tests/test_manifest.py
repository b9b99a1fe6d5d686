import json
from decimal import Decimal

from pressrun.calls import Endpoint, MissingItem, StepName
from pressrun.manifest import BatchRecord, manifest
from tests.bundle.builder import MADE_AT, make_site
from tests.costs.books import a_row

MISSING = MissingItem(step=StepName.IMAGES, item="image-02", reason="the provider refused the request")


def a_batch() -> BatchRecord:
    return BatchRecord(
        id="batch_1",
        endpoint=Endpoint.CHAT,
        model="gpt-6-luna",
        status="completed",
        created_at=MADE_AT,
        submitted=23,
        answered=20,
        failed=1,
        unanswered=2,
    )


def test_a_manifest_is_complete_only_when_nothing_is_missing() -> None:
    whole = manifest(make_site(), [], [], run_id="run-1", made_at=MADE_AT)
    assert (whole["complete"], whole["missing"]) == (True, [])
    lacking = manifest(make_site(missing=[MISSING]), [], [], run_id="run-1", made_at=MADE_AT)
    assert lacking["complete"] is False
    assert lacking["missing"] == [{"step": "images", "item": "image-02", "reason": MISSING.reason}]


def test_every_call_is_in_it_with_its_cost_to_the_last_digit() -> None:
    rows = [a_row(), a_row(call_id="other", cost_usd=Decimal("0.0000005"), reused=True)]
    account = manifest(make_site(), iter(rows), [], run_id="run-1", made_at=MADE_AT)
    assert [call["id"] for call in account["calls"]] == [row.call_id for row in rows]
    assert [Decimal(call["cost_usd"]) for call in account["calls"]] == [row.cost_usd for row in rows]
    assert [call["reused"] for call in account["calls"]] == [False, True]
    assert account["calls"][0]["usage"]["reasoning"] == 300


def test_it_is_json_and_says_who_made_it_when_and_whether_a_model_wrote_it() -> None:
    site = make_site("zh-TW", simulated=True, warnings=["articles article-01: short"])
    account = json.loads(json.dumps(manifest(site, [a_row()], [a_batch()], run_id="run-1", made_at=MADE_AT)))
    assert account["site"] == site.brief.slug
    assert account["generator"].startswith("pressrun ")
    assert account["made_at"] == "2026-11-20T09:30:00+00:00"
    assert (account["flow_run_id"], account["simulated"]) == ("run-1", True)
    assert account["warnings"] == ["articles article-01: short"]
    [batch] = account["batches"]
    assert batch["submitted"] == batch["answered"] + batch["failed"] + batch["unanswered"] == 23
