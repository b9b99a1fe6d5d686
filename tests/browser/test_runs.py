"""The Prefect UI as an agency's editor uses it: the form, the run, the approval, the progress, the cost report.

Its screenshots go to `PRESSRUN_SCREENSHOTS`, or else to the test's own folder.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pressrun.costs.months import month_before, month_key
from tests.browser.chromium import EXECUTABLE, Page, a_page
from tests.builders import brief_fields
from tests.live.installation import Installation, installed
from tests.ports import new_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium here"),
]

SLUG = "harbour-bakery"
LONG = 300
"""Seconds that a run may take to get somewhere on a busy machine."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def sites_url(folder: Path) -> Iterator[str]:
    """The folder of the bundles, served."""
    (folder / "sites").mkdir()
    handler = partial(Quiet, directory=str(folder / "sites"))
    with ThreadingHTTPServer(("127.0.0.1", new_port()), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def installation(folder: Path, sites_url: str) -> Iterator[Installation]:
    """Its simulated batches take long enough to be watched."""
    with installed(folder, PRESSRUN_SIMULATED_BATCH_SECONDS="60", PRESSRUN_SITES_URL=sites_url) as installation:
        yield installation


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with a_page(tmp_path) as page:
        yield page


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("PRESSRUN_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ui(installation: Installation, path: str) -> str:
    """An address of the UI that Prefect opens by itself."""
    return installation.env["PREFECT_API_URL"].replace("/api", f"/v2/{path}")


def open_form(page: Page, installation: Installation, deployment: str = "build-site/on-demand") -> None:
    found = installation.read("deployment", "inspect", deployment)
    page.open(ui(installation, f"deployments/deployment/{found['id']}/run"))
    page.wait_for_text("Enforce Parameter Schema")


def submit(page: Page) -> None:
    """Start the run; Prefect's SQLite may be locked for a moment, and the form says so and stays."""
    page.wait_for_text("Submit")
    while page.evaluate("location.pathname").endswith("/run"):
        page.click("Submit")
        page.wait_for(
            "!location.pathname.endsWith('/run') || words(document.body).includes('Unknown error while creating')"
        )


def submit_and_wait(page: Page, installation: Installation) -> None:
    """Start the run, and look at its page until it has completed."""
    submit(page)
    page.open(ui(installation, f"runs/flow-run/{runs(installation)[0]['id']}"))
    page.wait_for(is_state("Completed"), seconds=LONG)


def runs(installation: Installation) -> list[dict[str, Any]]:
    """The runs that exist, newest first."""
    found: list[dict[str, Any]] = installation.api("flow_runs/filter", sort="EXPECTED_START_TIME_DESC")
    return found


def is_state(name: str) -> str:
    """Whether the page of a run shows that it is in this state."""
    return f"named('[data-slot=badge]', '{name}')"


def open_artifact(page: Page, installation: Installation, key: str) -> None:
    """Its latest version, by the page that lists them."""
    page.open(ui(installation, f"artifacts/key/{key}"))
    # Opened, not clicked: the list is drawn again with each event, and a click in between goes nowhere.
    latest = "document.querySelector(\"a[href*='/artifacts/artifact/']\")"
    page.wait_for(latest)
    page.open(page.evaluate(f"{latest}.href"))
    page.wait_for("location.pathname.includes('/artifacts/artifact/')")


def watch(page: Page, installation: Installation, picture: Path) -> list[float]:
    """What the progress artifact shows, one look after the other, until it shows the end."""
    key = ""
    while not key:
        keys = [one["key"] or "" for one in installation.read("artifact", "ls")]
        key = next((one for one in keys if one.startswith(f"batch-{SLUG}-")), "")
    seen: list[float] = []
    while not seen or seen[-1] < 100:
        open_artifact(page, installation, key)
        page.wait_for_text("Progress: ")
        shown = re.search(r"Progress: ([0-9.]+)", page.text)
        assert shown, page.text
        if not seen or float(shown[1]) != seen[-1]:
            seen.append(float(shown[1]))
        if 0 < seen[-1] < 100:
            page.screenshot(picture)
    return seen


def test_a_site_is_ordered_approved_watched_and_paid_for_in_the_browser(
    page: Page, installation: Installation, pictures: Path, sites_url: str
) -> None:
    open_form(page, installation)
    page.fill("Business", "Harbour Bakery")
    page.fill("Domain", "harbour-bakery.example")
    page.fill("Trade", "Sourdough bakery and cafe")
    page.fill("Audience", "Neighbours and weekend visitors")
    page.add("Services", "Sourdough loaves", "Birthday cakes")
    page.scroll_to("label('Business')")
    page.screenshot(pictures / "run-form.png")
    page.switch("Simulate")
    page.switch("Approve the configuration")
    page.fill("Output folder", str(installation.out))
    page.scroll_to("label('Simulate')")
    page.screenshot(pictures / "run-form-options.png")
    submit(page)

    run_id = runs(installation)[0]["id"]
    page.open(ui(installation, f"runs/flow-run/{run_id}"))
    page.wait_for_text(f"build-site / {SLUG}", seconds=LONG)
    page.wait_for(is_state("Suspended"), seconds=LONG)
    page.click("Open menu")
    page.click("Resume")
    # The text is drawn after the fields and moves them down, so a click before it may go nowhere.
    page.wait_for_text("The fields for your decision are below this text.")
    page.switch("Decision")
    page.click("approve")
    page.fill("Your name", "Ines")
    page.fill("Tagline", "Bread that waits for nobody")
    page.scroll_to("all('[role=dialog] h1, [role=dialog] h2').at(-1)")
    page.screenshot(pictures / "approval.png")
    page.click("Resume", "[role=dialog] button")
    page.wait_for(f"!all('[role=dialog]').length && !{is_state('Suspended')}", seconds=LONG)

    seen = watch(page, installation, pictures / "progress.png")
    assert seen == sorted(seen) and len(seen) > 1, seen

    page.open(ui(installation, f"runs/flow-run/{run_id}"))
    page.wait_for(is_state("Completed"), seconds=LONG)
    page.screenshot(pictures / "run.png", height=1100)
    open_artifact(page, installation, f"costs-{SLUG}")
    page.wait_for_text("Saved, compared with real time")
    page.wait_for("all('main img, img').every(one => one.complete)")
    page.screenshot(pictures / "cost-report.png", height=1100)
    preview = f"{sites_url}/{SLUG}/preview/index.html"
    assert page.evaluate("named('a', 'Preview').href") == preview

    page.open(preview)
    page.wait_for_text("Bread that waits for nobody")
    page.screenshot(pictures / "preview.png")
    [decided] = json.loads((installation.out / SLUG / "manifest.json").read_text())["decisions"]
    assert (decided["decision"], decided["by"], decided["edited"]) == ("approve", "Ines", ["tagline"])


def test_a_faulty_form_is_refused_where_the_fault_is_and_makes_no_run(
    page: Page, installation: Installation, pictures: Path
) -> None:
    before = len(runs(installation))
    open_form(page, installation)
    page.fill("Business", "Harbour Bakery")
    page.fill("Domain", "harbour-bakery")
    page.fill("Trade", "Sourdough bakery")
    page.add("Services", "Loaves")
    page.click("Submit")
    page.wait_for_text("'audience' is a required property")
    page.wait_for_text("'harbour-bakery' does not match")
    page.scroll_to("label('Business')")
    page.screenshot(pictures / "refused.png")
    assert len(runs(installation)) == before


def test_a_fleet_is_ordered_in_the_browser(page: Page, installation: Installation, pictures: Path) -> None:
    briefs = installation.folder / "briefs"
    briefs.mkdir()
    for name in ("North", "South"):
        brief = brief_fields(name=f"{name} Bakery", pages=["Home"], image_count=1)
        (briefs / f"{name}.json").write_text(json.dumps(brief))
    open_form(page, installation, "build-fleet/nightly")
    page.fill("Folder of briefs", str(briefs))
    page.switch("Simulate")
    page.fill("Output folder", str(installation.out))
    page.scroll_to("label('Folder of briefs')")
    page.screenshot(pictures / "fleet-form.png")
    submit_and_wait(page, installation)
    open_artifact(page, installation, "fleet")
    page.wait_for_text("north-bakery")
    page.wait_for_text("south-bakery")
    page.screenshot(pictures / "fleet.png")
    assert all((installation.out / f"{name}-bakery" / "preview" / "index.html").exists() for name in ("north", "south"))


def test_a_forecast_is_made_in_the_browser(page: Page, installation: Installation, pictures: Path) -> None:
    open_form(page, installation, "forecast-cost/on-demand")
    page.wait_for_text("The briefs of one or more sites")
    page.add_item("Briefs")
    page.fill("Business", "West Bakery")
    page.fill("Domain", "west-bakery.example")
    page.fill("Trade", "Sourdough bakery")
    page.fill("Audience", "Neighbours")
    page.add("Services", "Loaves")
    submit_and_wait(page, installation)
    open_artifact(page, installation, "forecast-west-bakery")
    page.wait_for_text("Plan for west-bakery")
    page.screenshot(pictures / "forecast.png")


def test_the_month_is_reported_from_the_browser(page: Page, installation: Installation) -> None:
    open_form(page, installation, "monthly-costs/first-of-month")
    page.wait_for_text("Year and month, such as 2026-10")
    page.switch("Simulated runs")
    submit_and_wait(page, installation)
    begin = month_before(datetime.now(UTC).date())
    open_artifact(page, installation, month_key(begin, simulated=True))
    page.wait_for_text(f"Costs of {begin:%B %Y}")


def test_the_collector_is_started_from_the_browser(page: Page, installation: Installation) -> None:
    open_form(page, installation, "collect-batches/every-2-minutes")
    submit_and_wait(page, installation)
