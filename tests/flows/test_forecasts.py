"""What a forecast is worth: learned from past runs, and published for people."""

import json
from pathlib import Path

import pytest
from prefect.artifacts import Artifact

from flows.build_site import build_site
from flows.forecast_cost import forecast_cost
from pressrun.brief import SiteBrief
from tests.builders import a_brief
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

TRADES = ["Sourdough bakery", "Tea house and roastery", "Physiotherapy practice", "Bicycle workshop"]


def a_site(number: int) -> SiteBrief:
    services = [f"{TRADES[number]} service {letter}" for letter in "ABCD"[: number + 1]]
    return a_brief(
        name=f"Site {number}",
        slug=f"site-{number}",
        domain=f"site-{number}.example",
        trade=TRADES[number],
        services=services,
        pages=["Home", "Classes", "Contact"][: 1 + number % 3],
        image_count=2 + number,
    )


def test_three_runs_teach_a_forecast_that_is_within_a_fifth_of_what_the_fourth_costs(
    tmp_path: Path, server: Server
) -> None:
    *taught, fourth = map(a_site, range(4))
    for brief in taught:
        assert build_site(brief=brief, out=str(tmp_path), poll_seconds=0.1, return_state=True).is_completed()
    [forecast] = json.loads(forecast_cost(briefs=[fourth], return_state=True).result())["sites"]
    assert forecast["basis"] == "based on 3 past runs"
    result = build_site(brief=fourth, out=str(tmp_path), poll_seconds=0.1)
    report = json.loads((tmp_path / "site-3" / "costs.json").read_text())
    actual = {step: float(sums["usd"]) for step, sums in report["by_step"].items()}
    for step in forecast["steps"]:
        assert float(step["forecast_usd"]) == pytest.approx(actual[step["step"]], rel=0.2), step["step"]
    assert float(forecast["forecast_usd"]) == pytest.approx(float(result.cost_usd), rel=0.2)
    assert float(forecast["low_usd"]) <= float(result.cost_usd) <= float(forecast["high_usd"])


def test_a_forecast_is_published_and_asks_nobody(server: Server) -> None:
    state = forecast_cost(briefs=[a_site(0), a_site(1)], return_state=True)
    assert state.is_completed()
    assert server.journal() == []
    for key in ("forecast-fleet", "forecast-table-fleet"):
        assert Artifact.get(key) is not None, key
    assert json.loads(state.result())["sites_per_year"] == 100


def test_a_forecast_that_cannot_be_made_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_TEXT_MODEL", "nobody-knows-it")
    state = forecast_cost(briefs=[a_site(0)], return_state=True)
    assert state.name == "Refused"
    assert "price of nobody-knows-it is unknown" in state.message
