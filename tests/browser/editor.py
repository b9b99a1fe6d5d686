"""What an agency's editor does in the Prefect UI; shared by the tests and by `tests.browser.pictures`."""

from typing import Any

from tests.browser.chromium import CLICKABLE, Page
from tests.live.installation import Installation

__all__ = [
    "approve",
    "fill_in_approval",
    "fill_in_faulty_site",
    "fill_in_site",
    "is_state",
    "open_artifact",
    "open_form",
    "open_run",
    "runs",
    "submit",
    "ui",
]


def ui(installation: Installation, path: str) -> str:
    """An address of the UI that Prefect opens by itself."""
    return installation.env["PREFECT_API_URL"].replace("/api", f"/v2/{path}")


def open_form(page: Page, installation: Installation, deployment: str = "build-site/on-demand") -> None:
    found = installation.read("deployment", "inspect", deployment)
    page.open(ui(installation, f"deployments/deployment/{found['id']}/run"))
    page.wait_for_text("Enforce Parameter Schema")


def fill_in_site(page: Page) -> None:
    """The required fields of a brief."""
    page.fill("Business", "Harbour Bakery")
    page.fill("Domain", "harbour-bakery.example")
    page.fill("Trade", "Sourdough bakery and cafe")
    page.fill("Audience", "Neighbours and weekend visitors")
    page.add("Services", "Sourdough loaves", "Birthday cakes")


def fill_in_faulty_site(page: Page) -> None:
    """A domain without a dot, and no audience."""
    page.fill("Business", "Harbour Bakery")
    page.fill("Domain", "harbour-bakery")
    page.fill("Trade", "Sourdough bakery and cafe")
    page.add("Services", "Sourdough loaves", "Birthday cakes")


def submit(page: Page) -> None:
    """Start the run."""
    _send(page, "Submit", CLICKABLE, is_open="location.pathname.endsWith('/run')")


def _send(page: Page, button: str, selector: str, *, is_open: str) -> None:
    """Send a form until it closes; while Prefect's SQLite is locked, it stays open and shows a message."""
    message = "document.querySelector('[data-sonner-toast]')"
    page.wait_for(is_open)
    while page.evaluate(is_open):
        page.click(button, selector)
        page.wait_for(f"!({is_open}) || {message}")
        # The message covers the button, and stays while the mouse is over it.
        page.point_at(1, 1)
        page.wait_for(f"!({is_open}) || !{message}")


def runs(installation: Installation) -> list[dict[str, Any]]:
    """The runs that exist, newest first."""
    found: list[dict[str, Any]] = installation.api("flow_runs/filter", sort="EXPECTED_START_TIME_DESC")
    return found


def is_state(name: str) -> str:
    """Whether the page of a run shows that it is in this state."""
    return f"named('[data-slot=badge]', '{name}')"


def open_run(page: Page, installation: Installation, run_id: str, state: str) -> None:
    """The page of a run, once the run is in this state."""
    page.open(ui(installation, f"runs/flow-run/{run_id}"))
    page.wait_for(is_state(state))


def fill_in_approval(page: Page) -> None:
    """Open the form of a suspended run on its page: the configuration is approved with another tagline."""
    page.click("Open menu")
    page.click("Resume")
    # The text is drawn after the fields and moves them down, so a click before it may go nowhere.
    page.wait_for_text("Scroll down to enter your decision.")
    page.switch("Decision")
    page.click("approve")
    page.fill("Your name", "Ines")
    page.fill("Tagline", "Bread that waits for nobody")


def approve(page: Page) -> None:
    """Send the form of the approval, and wait until the run continues."""
    _send(page, "Resume", "[role=dialog] button", is_open="all('[role=dialog]').length > 0")
    page.wait_for(f"!{is_state('Suspended')}")


def open_artifact(page: Page, installation: Installation, key: str) -> None:
    """Its latest version, by the page that lists them."""
    page.open(ui(installation, f"artifacts/key/{key}"))
    # Opened, not clicked: the list is drawn again with each event, and a click in between goes nowhere.
    latest = "document.querySelector(\"a[href*='/artifacts/artifact/']\")"
    page.wait_for(latest)
    page.open(page.evaluate(f"{latest}.href"))
    page.wait_for("location.pathname.includes('/artifacts/artifact/')")
