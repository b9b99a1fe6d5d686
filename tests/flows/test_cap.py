"""A run's cap: held while it runs, whatever fails; checked against the provider's bill."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.build_site import build_site
from pressrun.calls import NOT_SENT
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.settings import Settings
from pressrun.strategy import Preference
from tests.builders import a_brief
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

SLUG = a_brief().slug
IMAGE = "POST /v1/images/generations"


def build(tmp_path: Path, cap: str, preference: Preference = Preference.BALANCED, **options: Any) -> Any:
    """Run the flow on a small brief with two images; returns its final state."""
    return build_site(
        brief=a_brief(pages=["Home"], image_count=2),
        out=str(tmp_path / "out"),
        preference=preference,
        max_cost_usd=Decimal(cap),
        poll_seconds=0.1,
        return_state=True,
        **options,
    )


def manifest(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / SLUG / "manifest.json").read_text())


def missing(tmp_path: Path) -> dict[str, str]:
    return {f"{item['step']} {item['item']}": item["reason"] for item in manifest(tmp_path)["missing"]}


def test_with_room_for_everything_nothing_is_missing(tmp_path: Path, server: Server) -> None:
    assert build(tmp_path, "0.30").is_completed()
    assert server.bill() <= Decimal("0.30")


def test_what_the_report_says_was_spent_is_what_the_provider_bills(tmp_path: Path, server: Server) -> None:
    result = build(tmp_path, "0.30").result()
    assert result.cost_usd == server.bill() > 0


def test_calls_that_the_cap_has_no_room_for_are_missing_with_the_reason(tmp_path: Path, server: Server) -> None:
    state = build(tmp_path, "0.0536", Preference.COST)
    assert state.name == "Incomplete", state.message
    reasons = missing(tmp_path)
    assert reasons
    assert all(reason.startswith(f"{NOT_SENT}it may cost up to $") for reason in reasons.values())
    assert server.bill() == state.result(raise_on_failure=False).cost_usd <= Decimal("0.0536")


def test_a_call_that_might_have_broken_the_cap_is_asked_once_the_others_turned_out_cheaper(
    tmp_path: Path, server: Server
) -> None:
    state = build(tmp_path, "0.110")
    assert state.is_completed(), state.message
    assert server.bill() == state.result().cost_usd <= Decimal("0.110")


def test_the_rest_of_an_expired_batch_is_not_finished_in_real_time_beyond_the_cap(
    tmp_path: Path, server: Server
) -> None:
    server.faults({"batches": [{"end": "expired", "share": 0.5}]})
    cap = Decimal("0.103")
    state = build(tmp_path, str(cap))
    assert state.name == "Incomplete", state.message
    assert server.bill() == state.result(raise_on_failure=False).cost_usd <= cap


def test_a_raised_cap_pays_for_what_is_missing_and_for_nothing_else(tmp_path: Path, server: Server) -> None:
    build(tmp_path, "0.0536", Preference.COST)
    first = server.bill()
    state = build(tmp_path, "1.00", Preference.COST)
    assert state.is_completed(), state.message
    result = state.result()
    assert result.reused_usd == first
    assert result.cost_usd == server.bill()


def test_answers_that_were_lost_on_the_way_count_against_the_cap_and_are_not_bought_without_end(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressrun.routes.realtime.sleep", lambda _seconds: None)
    server.faults({"requests": [{"at": IMAGE, "do": "drop_after", "times": 6}]})
    cap = Decimal("0.25")
    build(tmp_path, str(cap))
    assert server.bill() <= server.covered() <= cap


def test_the_ledger_of_the_installation_has_the_same_sum(tmp_path: Path, server: Server) -> None:
    before = sum((row.cost_usd for row in LedgerFile(Settings().ledger_file).rows()), Decimal(0))
    build(tmp_path, "0.30")
    after = sum((row.cost_usd for row in LedgerFile(Settings().ledger_file).rows()), Decimal(0))
    assert after - before == server.bill()
