"""The Prefect UI as an agency's editor uses it: the form, the run, the approval, the progress, the cost report."""

import json
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
from tests.browser.editor import (
    approve,
    fill_in_approval,
    fill_in_faulty_site,
    fill_in_site,
    open_artifact,
    open_form,
    open_run,
    runs,
    submit,
)
from tests.builders import brief_fields
from tests.live.installation import Installation, installed, until
from tests.ports import new_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium here"),
]

SLUG = "harbour-bakery"


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


def submit_and_wait(page: Page, installation: Installation) -> None:
    """Start the run, and look at its page until it has completed."""
    submit(page)
    open_run(page, installation, runs(installation)[0]["id"], "Completed")


def watch(page: Page, installation: Installation) -> list[float]:
    """What the page of the progress artifact shows each time that the artifact has changed, until the end."""
    seen: list[float] = []
    artifact: dict[str, Any] = {"data": None}
    while artifact["data"] != 100:
        artifact = next_progress(installation, artifact["data"])
        open_artifact(page, installation, artifact["key"])
        page.wait_for_text("Progress: ")
        shown = re.search(r"Progress: ([0-9.]+)", page.text)
        assert shown, page.text
        seen.append(float(shown[1]))
    return seen


def next_progress(installation: Installation, last: float | None) -> dict[str, Any]:
    """The progress artifact of the site's batch, once it is no longer at `last`."""
    ours = {"artifacts": {"key": {"like_": f"batch-{SLUG}-"}}}
    [artifact] = until(
        lambda: installation.api("artifacts/filter", **ours), lambda found: found and found[0]["data"] != last
    )
    return dict(artifact)


def test_a_site_is_ordered_approved_watched_and_paid_for_in_the_browser(
    page: Page, installation: Installation, sites_url: str
) -> None:
    open_form(page, installation)
    fill_in_site(page)
    page.switch("Simulate")
    page.switch("Approve the configuration")
    page.fill("Output folder", str(installation.out))
    submit(page)

    run_id = runs(installation)[0]["id"]
    open_run(page, installation, run_id, "Suspended")
    page.wait_for_text(f"build-site / {SLUG}")
    fill_in_approval(page)
    approve(page)

    seen = watch(page, installation)
    assert seen == sorted(seen) and len(set(seen)) > 1, seen

    open_run(page, installation, run_id, "Completed")
    open_artifact(page, installation, f"costs-{SLUG}")
    page.wait_for_text("Saved, compared with real time")
    page.wait_for("all('main img, img').every(one => one.complete)")
    preview = f"{sites_url}/{SLUG}/preview/index.html"
    # The page draws its links anew while it loads.
    page.wait_for(f"named('a', 'Preview')?.href === {json.dumps(preview)}")

    page.open(preview)
    page.wait_for_text("Bread that waits for nobody")
    [decided] = json.loads((installation.out / SLUG / "manifest.json").read_text())["decisions"]
    assert (decided["decision"], decided["by"], decided["edited"]) == ("approve", "Ines", ["tagline"])


def test_a_faulty_form_is_refused_where_the_fault_is_and_makes_no_run(page: Page, installation: Installation) -> None:
    before = len(runs(installation))
    open_form(page, installation)
    fill_in_faulty_site(page)
    page.click("Submit")
    page.wait_for_text("'audience' is a required property")
    page.wait_for_text("'harbour-bakery' does not match")
    assert len(runs(installation)) == before


def test_a_fleet_is_ordered_in_the_browser(page: Page, installation: Installation) -> None:
    briefs = installation.folder / "briefs"
    briefs.mkdir()
    for name in ("North", "South"):
        brief = brief_fields(name=f"{name} Bakery", pages=["Home"], image_count=1)
        (briefs / f"{name}.json").write_text(json.dumps(brief))
    open_form(page, installation, "build-fleet/nightly")
    page.fill("Folder of briefs", str(briefs))
    page.switch("Simulate")
    page.fill("Output folder", str(installation.out))
    submit_and_wait(page, installation)
    open_artifact(page, installation, "fleet")
    page.wait_for_text("north-bakery")
    page.wait_for_text("south-bakery")
    assert all((installation.out / f"{name}-bakery" / "preview" / "index.html").exists() for name in ("north", "south"))


def test_a_forecast_is_made_in_the_browser(page: Page, installation: Installation) -> None:
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
