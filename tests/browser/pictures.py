"""Takes the pictures of the documentation, in the Prefect UI on the simulator: `make pictures`.

Invariant: no picture is taken of a page that lacks what the picture is to show, and docs/ changes only when all of them
are taken.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.browser.chromium import Page, a_page
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
from tests.live.installation import ROOT, Installation, installed
from tests.patience import until

__all__ = ["PICTURES"]

DOCS = ROOT / "docs"
SITE = "harbour-bakery"
BATCH_SECONDS = 120
"""Long enough to be looked at while it is under way."""
WIDTH = 1280
LARGEST = 200_000
"""Bytes of a picture."""
BRIEFS = (
    {
        "name": "Cedar & Ledger",
        "domain": "cedar-ledger.example",
        "trade": "Bookkeeping and payroll for small restaurants",
        "audience": "Owners of one to five restaurants",
        "services": ["Weekly bookkeeping", "Payroll with tips", "Sales tax filings"],
    },
    {
        "name": "Lantern Books",
        "domain": "lantern-books.example",
        "trade": "Second-hand bookshop",
        "audience": "Readers and collectors in the old town",
        "services": ["Second-hand books", "Valuations", "Reading evenings"],
    },
    {
        "name": "Tidewater Cycles",
        "domain": "tidewater-cycles.example",
        "trade": "Bicycle workshop",
        "audience": "People who ride to work all year",
        "services": ["Repairs while you wait", "Wheel building", "Cargo bikes to hire"],
    },
)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is to be read in the picture, wholly within it and covered by nothing."""

    shows: tuple[str, ...]
    top: str = ""
    """What is scrolled to the top of the window, as JavaScript; nothing is scrolled without it."""
    margin: int = 14
    """Pixels above that."""
    height: int = 900
    images: int = 0
    """How many images of the page are wholly within it."""


PICTURES = {
    "run-form": Picture(
        top="label('Business')",
        height=812,
        shows=(
            "Business",
            "Harbour Bakery",
            "harbour-bakery.example",
            "Neighbours and weekend visitors",
            "Birthday cakes",
        ),
    ),
    "run-form-options": Picture(
        top="label('Simulate')",
        height=866,
        shows=("Simulate (Optional)", "Cost cap (Optional)", "10", "cost", "Approve the configuration (Optional)"),
    ),
    "refused": Picture(
        top="label('Business')",
        height=868,
        shows=(
            "Harbour Bakery",
            "'harbour-bakery' does not match",
            "'audience' is a required property",
            "Birthday cakes",
        ),
    ),
    "approval": Picture(
        top="label('Decision')",
        margin=128,
        height=1036,
        shows=("Resume Flow Run", "(article, ", "Decision", "approve", "Ines", "Bread that waits for nobody"),
    ),
    "progress": Picture(
        height=612, shows=("Progress: ", " of 10 done, in_progress", "Flow Run", f"build-site / {SITE}")
    ),
    "cost-report": Picture(
        top="named('h1', 'Cost of Harbour Bakery')",
        margin=20,
        height=1276,
        shows=("Spent", "Saved, compared with real time", "By step", "articles", "descriptions", "Total"),
        images=2,
    ),
    "fleet": Picture(
        height=700,
        shows=("Fleet", "cedar-ledger", "lantern-books", "tidewater-cycles", "Total"),
    ),
}
"""By the name of the file in docs/."""

IN_WINDOW = """(one => {
  const at = one.getBoundingClientRect()
  if (!at.width || !at.height || at.x < 0 || at.y < 0 || at.right > innerWidth || at.bottom > innerHeight) return false
  const top = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2)
  return one.contains(top) || !!top?.contains(one)
})"""
"""Whether an element is wholly in the window, and on top."""


def says(text: str) -> str:
    """Whether the window shows a text, as JavaScript: in an element that has none within it that shows it as well."""
    return f"""(text => {{
      const read = one => (one.matches('input, textarea') ? one.value : words(one)).includes(text)
      return all('body *').some(one => read(one) && ![...one.children].some(read) && {IN_WINDOW}(one))
    }})({json.dumps(text)})"""


def scrolled(found: str, margin: int) -> str:
    """Whether something is there, as JavaScript that scrolls it to the top of the window."""
    return f"""(one => {{
      if (one) one.style.scrollMarginTop = '{margin}px', one.scrollIntoView()
      return !!one
    }})({found})"""


ALWAYS = {
    "everything loaded": "!document.querySelector('.animate-pulse, .animate-spin, [data-slot=skeleton]')",
    "no message over it": "!document.querySelector('[data-sonner-toast]')",
    "nothing in motion": "document.getAnimations().every(one => one.playState !== 'running')",
    "its images": "[...document.images].every(one => one.complete && one.naturalWidth > 0)",
}
"""What every picture waits for."""
DRAWN = """
document.fonts.ready.then(() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))
""".strip()


@dataclass(frozen=True)
class Camera:
    """Takes the pictures of one installation into a folder."""

    page: Page
    folder: Path
    hidden: tuple[str, ...]
    """Places that no picture may name."""

    def take(self, name: str) -> None:
        """Take a picture once it shows what it is to show."""
        picture, page = PICTURES[name], self.page
        page.resize(WIDTH, picture.height)
        page.evaluate("document.activeElement?.blur()")
        # Nothing is highlighted under it, and a message goes away only when it is elsewhere.
        page.point_at(1, 1)
        until(lambda: self._lacking(picture), lambda lacking: not lacking, pause=0.2)
        page.evaluate(DRAWN)
        assert not (lost := self._lacking(picture)), f"{name} has lost {lost}"
        read = page.evaluate("[words(document.body), ...all('input, textarea').map(one => one.value)].join(' ')")
        named = [place for place in self.hidden if place in read]
        assert not named, f"{name} names {named}"
        file = self.folder / f"{name}.png"
        page.screenshot(file, width=WIDTH, height=picture.height)
        # A palette makes the file a third as large, and changes no colour visibly; `kmeans` keeps the frequent ones.
        shot = Image.open(file).convert("RGB")
        palette = shot.quantize(method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        palette.save(file, optimize=True)
        size = file.stat().st_size
        assert size <= LARGEST, f"{name} has {size} bytes"
        print(f"{file.name}: {size // 1000} kB", flush=True)  # noqa: T201

    def _lacking(self, picture: Picture) -> list[str]:
        """What is not to be seen, or not yet."""
        expected = {
            picture.top: scrolled(picture.top, picture.margin) if picture.top else "true",
            **{text: says(text) for text in picture.shows},
            f"{picture.images} images": f"all('img').filter({IN_WINDOW}).length >= {picture.images}",
            **ALWAYS,
        }
        return [what for what, expression in expected.items() if not self.page.evaluate(expression)]


@contextmanager
def studio() -> Iterator[tuple[Camera, Installation]]:
    """A server, a worker and a project folder of their own, and a browser."""
    with tempfile.TemporaryDirectory(prefix="pressrun-pictures-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        project, pictures = folder / "project", folder / "pictures"
        for made in (project / "briefs", pictures):
            made.mkdir(parents=True)
        for part in ("prefect.yaml", "flows", "tasks", "deployments"):
            (project / part).symlink_to(ROOT / part)
        for brief in BRIEFS:
            (project / "briefs" / f"{brief['domain']}.json").write_text(json.dumps(brief))
        settings = {
            "PRESSRUN_SIMULATED_BATCH_SECONDS": str(BATCH_SECONDS),
            "PRESSRUN_SITES_URL": "https://previews.agency.example",
        }
        hidden = (str(folder), tempfile.gettempdir(), str(ROOT), str(Path.home()))
        with a_page(folder) as page, installed(folder, project, **settings) as installation:
            yield Camera(page, pictures, hidden), installation


def of_a_faulty_form(camera: Camera, installation: Installation) -> None:
    open_form(camera.page, installation)
    fill_in_faulty_site(camera.page)
    camera.page.click("Submit")
    # Comes and goes by itself, over the form.
    camera.page.wait_for_text("Error creating flow run")
    camera.take("refused")


def of_a_site(camera: Camera, installation: Installation) -> None:
    """From the form to the cost report."""
    page = camera.page
    open_form(page, installation)
    fill_in_site(page)
    camera.take("run-form")
    page.switch("Simulate")
    page.switch("Approve the configuration")
    page.click("choose")
    page.click("Select")
    page.click("cost")
    camera.take("run-form-options")
    # The UI shows the progress with all its digits, and a tenth has few.
    page.fill("Images", "10")
    submit(page)
    run_id = runs(installation)[0]["id"]
    open_run(page, installation, run_id, "Suspended")
    fill_in_approval(page)
    camera.take("approval")
    approve(page)
    open_artifact(page, installation, until(lambda: half_done(installation), pause=1))
    camera.take("progress")
    open_run(page, installation, run_id, "Completed")
    open_artifact(page, installation, f"costs-{SITE}")
    camera.take("cost-report")


def half_done(installation: Installation) -> str:
    """The key of the progress of a batch of which a part is done, if there is one."""
    found = installation.api("artifacts/filter", artifacts={"type": {"any_": ["progress"]}})
    return next((one["key"] for one in found if float(one["data"]) in (40, 50, 60)), "")


def of_a_fleet(camera: Camera, installation: Installation) -> None:
    parameters = json.dumps({"briefs": "briefs", "simulate": True})
    done = installation.prefect("deployment", "run", "build-fleet/nightly", "--params", parameters, "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    open_artifact(camera.page, installation, "fleet")
    camera.take("fleet")


def main() -> None:
    with studio() as (camera, installation):
        of_a_faulty_form(camera, installation)
        of_a_site(camera, installation)
        of_a_fleet(camera, installation)
        taken = {file.stem for file in camera.folder.iterdir()}
        assert taken == set(PICTURES), taken ^ set(PICTURES)
        for file in camera.folder.iterdir():
            shutil.copyfile(file, DOCS / file.name)


if __name__ == "__main__":
    sys.exit(main())
