"""Many sites in one merged batch: what one does, fails or changes leaves the others as they are."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.build_fleet import build_fleet
from flows.build_site import build_site
from pressrun.brief import SiteBrief
from pressrun.fleet import Outcome
from tests.builders import a_brief
from tests.patience import until
from tests.prefect_events import find_events
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

SITES = ("north", "south", "west")
TEXT = 6 + 1 + 1
"""Calls of a site that go by batch: articles, the pack of descriptions, the pack of meta tags."""


def a_site(slug: str, **changes: Any) -> SiteBrief:
    return a_brief(name=f"Bakery {slug}", slug=slug, domain=f"{slug}.example", pages=["Home"], image_count=1, **changes)


def build(tmp_path: Path, sites: list[SiteBrief] | None = None, **options: Any) -> Any:
    """Run the fleet; returns its final state."""
    return build_fleet(
        sites=[a_site(slug) for slug in SITES] if sites is None else sites,
        out=str(tmp_path / "out"),
        poll_seconds=0.1,
        return_state=True,
        **options,
    )


def outcomes(state: Any) -> dict[str, Outcome]:
    return {one.site: one.outcome for one in state.result(raise_on_failure=False)}


def manifest(tmp_path: Path, slug: str) -> Any:
    return json.loads((tmp_path / "out" / slug / "manifest.json").read_text())


def test_the_text_of_all_sites_is_one_batch_and_what_has_not_changed_is_left_alone(
    tmp_path: Path, server: Server
) -> None:
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 180}):
        state = build(tmp_path)
    assert state.is_completed(), state.message
    assert server.posts() == {"chat": 3, "images": 3, "batches": 1}
    [batch] = server.list_batches()
    assert batch["request_counts"]["total"] == 3 * TEXT
    for slug in SITES:
        check_bundle(tmp_path, slug, batch["id"])
    check_report(server)
    check_runs(state.state_details.flow_run_id)

    before = server.posts()
    again = build(tmp_path, [a_site("north"), a_site("south", notes="Now with rye."), a_site("west")])
    assert again.is_completed(), again.message
    assert outcomes(again) == {"north": "unchanged", "south": "complete", "west": "unchanged"}
    # Its image is asked for in the same words as before, so that is not paid for again.
    assert server.posts() == {**before, "chat": before["chat"] + 1, "batches": before["batches"] + 1}


def check_bundle(tmp_path: Path, slug: str, batch_id: str) -> None:
    """It is complete, and made from the batch of all three; which was the fleet's, and yet this run paid for it."""
    account = manifest(tmp_path, slug)
    assert account["complete"]
    assert [(record["id"], record["sites"]) for record in account["batches"]] == [(batch_id, 3)]
    assert all(call["reused"] is False for call in account["calls"])


def check_report(server: Server) -> None:
    """Every site is told of, and every step of it is in one table that adds up to the bill."""
    report, table = Artifact.get("fleet"), Artifact.get("fleet-table")
    assert report is not None
    assert table is not None
    assert all(f"| {slug} | complete |" in str(report.data) for slug in SITES)
    rows = json.loads(str(table.data))
    assert {(row["site"], row["step"]) for row in rows} == {
        (slug, step) for slug in SITES for step in ("config", "articles", "images", "descriptions", "seo")
    }
    assert sum(Decimal(row["cost USD"]) for row in rows) == server.bill()


def check_runs(fleet: object) -> None:
    """The runs of the sites carry the tag of their fleet, which alone sends heartbeats."""
    with get_client(sync_client=True) as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=["build-site / north"]))
        runs = [run for run in client.read_flow_runs(flow_run_filter=named) if f"fleet:{fleet}" in run.tags]
    assert len(runs) == 1
    until(lambda: count_events("Completed", fleet))
    assert [count_events("heartbeat", run) for run in (fleet, runs[0].id)] == [1, 0]


def count_events(kind: str, run: object) -> int:
    """How many of Prefect's events of this kind there are about a flow run."""
    resource = {"id": [f"prefect.flow-run.{run}"]}
    return len(find_events({"event": {"name": [f"prefect.flow-run.{kind}"]}, "resource": resource})["events"])


def test_with_cost_preferred_each_stage_is_one_batch_for_all_sites(tmp_path: Path, server: Server) -> None:
    state = build(tmp_path, preference="cost")
    assert state.is_completed(), state.message
    assert server.posts() == {"chat": 0, "images": 0, "batches": 3}
    assert sorted(batch["request_counts"]["total"] for batch in server.list_batches()) == [3, 3, 3 * TEXT]


def test_a_site_above_its_cap_does_not_hold_up_the_others(tmp_path: Path, server: Server) -> None:
    dear = a_brief(name="Dear", slug="dear", domain="dear.example", image_count=40)
    state = build(tmp_path, [dear, a_site("north"), a_site("south")], max_cost_usd="0.20")
    assert outcomes(state) == {"dear": "refused", "north": "complete", "south": "complete"}
    assert state.name == "Incomplete"
    assert server.count("/v1/batches") == 1


def test_a_site_whose_configuration_fails_does_not_hold_up_the_others(tmp_path: Path, server: Server) -> None:
    refuse = {"at": "POST /v1/chat/completions", "do": "status", "status": 400, "code": "content_policy_violation"}
    # Once when all are asked at once, and again when this site's turn comes.
    server.faults({"requests": [refuse, {**refuse, "skip": 2}]})
    state = build(tmp_path)
    assert sorted(outcomes(state).values()) == ["complete", "complete", "failed"]
    [batch] = server.list_batches()
    assert batch["request_counts"]["total"] == 2 * TEXT
    assert "could not be generated" in str(Artifact.get("fleet").data)  # type: ignore[union-attr]


def test_a_site_whose_line_is_refused_is_left_out_of_the_merged_batch(tmp_path: Path, server: Server) -> None:
    """Its own run sends it alone, and says what becomes of it."""
    server.faults({"batches": [{"code": "invalid_json_line", "line": 1}]})
    state = build(tmp_path)
    assert state.is_completed(), state.message
    totals = [batch["request_counts"]["total"] for batch in server.list_batches() if batch["status"] == "completed"]
    assert sorted(totals) == [TEXT, 2 * TEXT]


def test_what_an_expired_batch_left_over_is_finished_by_each_site_and_the_rest_is_kept(
    tmp_path: Path, server: Server
) -> None:
    server.faults({"batches": [{"end": "expired", "share": 0.5}]})
    state = build(tmp_path)
    assert state.is_completed(), state.message
    assert server.count("/v1/batches") == 1
    assert server.count("/v1/chat/completions") == 3 + 3 * TEXT // 2


def test_briefs_of_a_folder_that_are_faulty_are_named_and_the_others_built(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "briefs"
    folder.mkdir()
    (folder / "good.json").write_text(a_site("good").model_dump_json())
    (folder / "bad.yaml").write_text("name: Nobody\n")
    state = build_fleet(briefs=str(folder), out=str(tmp_path / "out"), poll_seconds=0.1, return_state=True)
    assert outcomes(state) == {"good": "complete", str(folder / "bad.yaml"): "refused"}
    assert "domain: required, but missing" in str(Artifact.get("fleet").data)  # type: ignore[union-attr]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    state = build_fleet(briefs=str(tmp_path), return_state=True)
    assert state.name == "Refused"
    assert "contains no briefs" in str(state.message)


def test_a_site_that_was_begun_alone_keeps_its_batch_when_a_fleet_takes_it_in(tmp_path: Path, server: Server) -> None:
    build_site(brief=a_site("north"), out=str(tmp_path / "alone"), poll_seconds=0.1)
    state = build(tmp_path)
    assert state.is_completed(), state.message
    assert [batch["request_counts"]["total"] for batch in server.list_batches()] == [2 * TEXT, TEXT]
