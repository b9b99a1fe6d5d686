"""The whole job over HTTP in a real Prefect API: what is asked of the provider, what is delivered, what it costs."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client

from flows.build_site import build_site
from pressrun.brief import SiteBrief
from pressrun.calls import Usage
from pressrun.prices import Tier, unit_prices
from pressrun.routes.batch import cancel
from pressrun.strategy import BatchStrategy, Policy, Preference
from tests.builders import a_brief
from tests.calls_builder import NOW
from tests.patience import until
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")


def build(brief: SiteBrief, tmp_path: Path, **options: Any) -> Any:
    """Run the flow; returns its final state."""
    return build_site(brief=brief, out=str(tmp_path / "out"), poll_seconds=0.1, **options, return_state=True)


def read(tmp_path: Path, brief: SiteBrief, name: str) -> Any:
    return json.loads((tmp_path / "out" / brief.slug / name).read_text())


def test_a_site_is_one_config_call_one_batch_and_its_images(tmp_path: Path, server: Server) -> None:
    brief = a_brief(image_count=13)
    state = build(brief, tmp_path)
    assert state.is_completed(), state.message
    assert server.posts() == {"chat": 1, "images": 13, "batches": 1}
    manifest = read(tmp_path, brief, "manifest.json")
    assert (manifest["complete"], manifest["missing"], manifest["simulated"]) == (True, [], True)
    assert len(manifest["calls"]) == 1 + 6 + 13 + 1 + 1
    assert manifest["batches"][0]["submitted"] == manifest["batches"][0]["answered"] == 6 + 1 + 1
    bundle = tmp_path / "out" / brief.slug
    assert len(list((bundle / "articles").glob("*.md"))) == 6
    assert len(list((bundle / "images").iterdir())) == 13
    preview = (bundle / "preview" / "index.html").read_text()
    assert "SIMULATED" in preview


def test_the_same_brief_again_asks_for_nothing_and_says_who_paid(tmp_path: Path, server: Server) -> None:
    brief = a_brief(image_count=2)
    build(brief, tmp_path)
    before = server.posts()
    result = build(brief, tmp_path).result()
    assert server.posts() == before
    assert result.reused_usd == result.cost_usd > 0
    assert all(call["reused"] for call in read(tmp_path, brief, "manifest.json")["calls"])


def test_fresh_pays_for_everything_again(tmp_path: Path, server: Server) -> None:
    brief = a_brief(image_count=2)
    build(brief, tmp_path)
    result = build(brief, tmp_path, fresh=True).result()
    assert server.posts() == {"chat": 2, "images": 4, "batches": 2}
    assert result.reused_usd == 0


def test_an_incomplete_site_does_not_replace_a_complete_one_and_the_run_says_where_it_is(
    tmp_path: Path, server: Server
) -> None:
    brief = a_brief(image_count=1)
    build(brief, tmp_path)
    whole = read(tmp_path, brief, "manifest.json")
    server.faults({"requests": [{"at": "POST /v1/images/generations", "do": "status", "status": 400}]})
    state = build(brief, tmp_path, fresh=True)
    beside = tmp_path / "out" / f"{brief.slug}.incomplete"
    assert state.name == "Incomplete"
    assert f"preview {beside}/preview/index.html" in state.message
    assert read(tmp_path, brief, "manifest.json") == whole
    assert json.loads((beside / "manifest.json").read_text())["missing"]
    assert build(brief, tmp_path).is_completed()
    assert not beside.exists()


def test_what_is_not_ours_in_the_sites_place_is_refused_before_anything_is_asked(
    tmp_path: Path, server: Server
) -> None:
    brief = a_brief(image_count=1)
    checkout = tmp_path / "out" / brief.slug / ".git"
    checkout.mkdir(parents=True)
    state = build(brief, tmp_path)
    assert state.name == "Refused"
    assert "not a bundle of Pressrun" in state.message
    assert sum(server.posts().values()) == 0
    assert checkout.exists()


def test_speed_makes_no_batch(tmp_path: Path, server: Server) -> None:
    assert build(a_brief(image_count=2), tmp_path, preference=Preference.SPEED).is_completed()
    assert server.posts() == {"chat": 1 + 6 + 1 + 1, "images": 2, "batches": 0}


def test_without_packing_each_item_is_a_call_of_its_own(tmp_path: Path, server: Server) -> None:
    state = build(a_brief(image_count=2), tmp_path, strategy=BatchStrategy(pack_items=False, preference="speed"))
    assert state.is_completed()
    assert server.posts() == {"chat": 1 + 6 + 2 + 4, "images": 2, "batches": 0}


def test_text_that_a_batch_has_answered_is_not_asked_again_when_speed_is_preferred(
    tmp_path: Path, server: Server
) -> None:
    brief = a_brief(image_count=2)
    build(brief, tmp_path)
    before = server.posts()
    result = build(brief, tmp_path, preference=Preference.SPEED).result()
    assert server.posts() == before
    assert result.reused_usd == result.cost_usd > 0


def test_what_a_second_batch_has_answered_is_not_asked_in_real_time_when_the_policy_for_leftovers_changes(
    tmp_path: Path, server: Server
) -> None:
    server.faults({"batches": [{"end": "expired", "share": 0.5}]})
    brief = a_brief(image_count=1)
    assert build(brief, tmp_path, strategy=BatchStrategy(on_timeout="resubmit")).is_completed()
    before = server.posts()
    assert before["batches"] == 2
    assert build(brief, tmp_path, strategy=BatchStrategy(on_timeout="realtime")).is_completed()
    assert server.posts() == before


def test_what_was_answered_in_real_time_is_not_batched_when_cost_is_preferred(tmp_path: Path, server: Server) -> None:
    brief = a_brief(image_count=2)
    build(brief, tmp_path, preference=Preference.SPEED)
    before = server.posts()
    result = build(brief, tmp_path, preference=Preference.COST).result()
    assert server.posts() == before
    assert result.reused_usd == result.cost_usd > 0


def test_cost_asks_nothing_in_real_time_that_can_be_batched(tmp_path: Path, server: Server) -> None:
    brief = a_brief(image_count=2)
    assert build(brief, tmp_path, preference=Preference.COST).is_completed()
    assert server.posts() == {"chat": 0, "images": 0, "batches": 3}
    assert {call["route"] for call in read(tmp_path, brief, "manifest.json")["calls"]} == {"batch"}


@pytest.mark.parametrize("preference", list(Preference))
def test_the_cost_is_what_the_server_says_it_used_times_the_price(
    tmp_path: Path, server: Server, preference: Preference
) -> None:
    brief = a_brief(image_count=1)
    result = build(brief, tmp_path, preference=preference).result()
    total = Decimal(0)
    for call in read(tmp_path, brief, "manifest.json")["calls"]:
        tier = Tier.BATCH if call["route"] == "batch" else Tier.STANDARD
        cost = unit_prices(call["model"], tier, NOW).price(Usage(**call["usage"]))
        assert str(cost) == call["cost_usd"]
        total += cost
    assert result.cost_usd == total > 0


def test_at_the_maximum_wait_paid_answers_are_kept_and_only_the_rest_is_asked_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel_when_half_is_done(*arguments: Any) -> None:
        """However fast the batch is, and however late its cancellation."""
        until(lambda: server.list_batches()[0]["request_counts"]["completed"], lambda done: done == 4)
        cancel(*arguments)

    monkeypatch.setattr("tasks.batches.route.cancel", cancel_when_half_is_done)
    server.faults({"batches": [{"end": "never", "share": 0.5}]})
    brief = a_brief(image_count=4)
    state = build(brief, tmp_path, max_wait_time=timedelta(seconds=1))
    assert state.is_completed(), state.message
    manifest = read(tmp_path, brief, "manifest.json")
    (batch,) = manifest["batches"]
    assert batch["status"] == "cancelled"
    assert (batch["submitted"], batch["answered"], batch["unanswered"]) == (8, 4, 4)
    assert server.posts() == {"chat": 1 + 4, "images": 4, "batches": 1}
    routes = [call["route"] for call in manifest["calls"] if call["step"] in ("articles", "descriptions", "seo")]
    assert routes.count("batch") == 4


def test_a_batch_that_validation_refused_is_quoted_and_sent_anew_by_the_next_run(
    tmp_path: Path, server: Server
) -> None:
    brief = a_brief(image_count=2)
    server.faults({"batches": [{"code": "invalid_json_line", "message": "This line is not JSON.", "line": 1}]})
    refused = build(brief, tmp_path)
    assert (refused.name, refused.is_failed()) == ("Failed", True)
    assert "line 1 (harbour-bakery-articles-article-01-" in refused.message
    assert "invalid_json_line: This line is not JSON." in refused.message
    assert "kept" in refused.message
    assert server.posts() == {"chat": 1, "images": 2, "batches": 1}

    assert build(brief, tmp_path).is_completed()
    assert server.posts() == {"chat": 1, "images": 2, "batches": 2}


def test_a_cap_below_the_forecast_refuses_before_the_first_request(tmp_path: Path, server: Server) -> None:
    state = build(a_brief(), tmp_path, max_cost_usd=Decimal("0.01"))
    assert (state.name, state.is_failed()) == ("Refused", True)
    assert "above the cap of $0.01" in state.message
    assert server.journal() == []
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_key_is_refused_and_names_the_choices(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    state = build(a_brief(), tmp_path)
    assert state.name == "Refused"
    assert "OPENAI_API_KEY" in state.message
    assert "--simulate" in state.message
    assert server.journal() == []


def test_a_retired_model_is_refused_with_its_successor(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSRUN_IMAGE_MODEL", "gpt-image-1")
    state = build(a_brief(), tmp_path)
    assert state.name == "Refused"
    assert "shut down" in state.message
    assert server.journal() == []


def test_images_that_must_be_batched_go_into_a_batch_of_their_own(tmp_path: Path, server: Server) -> None:
    strategy = BatchStrategy(images=Policy.ALWAYS_BATCH)
    assert build(a_brief(image_count=2), tmp_path, strategy=strategy).is_completed()
    assert server.posts() == {"chat": 1, "images": 0, "batches": 2}


def test_a_chinese_site_is_delivered_in_traditional_chinese(tmp_path: Path, server: Server) -> None:
    brief = a_brief(
        name="雲腳茶館", domain="yunjiao.example", trade="茶館", language="zh-TW", audience="附近的上班族",
        services=["高山烏龍", "茶席體驗"], pages=["首頁", "茶單", "聯絡我們"], image_count=2,
    )  # fmt: skip
    state = build(brief, tmp_path)
    assert state.is_completed(), state.message
    assert brief.slug == "yunjiao"
    article = next((tmp_path / "out" / "yunjiao" / "articles").glob("*.md")).read_text()
    assert "lang: zh-TW" in article


def test_a_run_leaves_forecast_report_and_table_as_artifacts(tmp_path: Path, server: Server) -> None:
    brief = a_brief(slug="artifact-bakery", image_count=1)
    build(brief, tmp_path)
    month = f"costs-{datetime.now(UTC):%Y-%m}-simulated"
    for key in ("forecast-artifact-bakery", "costs-artifact-bakery", "costs-table-artifact-bakery", month):
        artifact = Artifact.get(key)
        assert artifact is not None, key
    report = Artifact.get("costs-artifact-bakery")
    assert "SIMULATED" in report.data
    assert "compared with real time" in report.data


def test_a_run_is_tagged_with_its_site_and_preference(tmp_path: Path, server: Server) -> None:
    state = build(a_brief(slug="tagged-bakery", image_count=1), tmp_path, preference=Preference.SPEED)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.name == "build-site / tagged-bakery"
    assert {"site:tagged-bakery", "prefer:speed"} <= set(run.tags)


def test_the_form_has_titles_and_plain_amounts() -> None:
    fields = build_site.parameters.properties
    assert [field["title"] for field in fields.values()][:3] == ["Brief", "Simulate", "Cost cap"]
    assert {option["type"] for option in fields["max_cost_usd"]["anyOf"]} == {"number", "null"}
    assert all(field.get("description") for field in fields.values())


def test_the_key_is_in_nothing_that_a_run_leaves_behind(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    assert build(a_brief(image_count=1), tmp_path).is_completed()
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert left
    assert [file for file in left if b"very-secret" in file.read_bytes()] == []
