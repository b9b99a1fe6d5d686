"""A page in headless Chromium, driven over its DevTools protocol (`websockets` comes with Prefect).

Invariant: nothing is waited for by the clock: each act waits until what it acts on is there, and fails by saying what
the page shows instead.
"""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.patience import HANG, get

__all__ = ["CLICKABLE", "EXECUTABLE", "Page", "a_page"]

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAUSE = 0.3
"""Seconds between two looks at the page, each of which lays it out."""
WIDTH, HEIGHT = 1280, 900
CLICKABLE = "button, a, [role=tab], [role=menuitem], [role=option]"
FINDING = """
const all = (selector, place) =>
  [...(place || document).querySelectorAll(selector)].filter(one => one.checkVisibility())
const words = one => ((one && (one.innerText || one.textContent)) || '').trim().replace(/\\s+/g, ' ')
const named = (selector, text, place) => all(selector, place).find(one => words(one) === text && !one.disabled)
const label = text => all('label').find(one => words(one).replace(/ \\(Optional\\)$/, '') === text)
const field = text => label(text)?.control
const list = text => {
  let place = label(text)
  while (place && !named('button', 'Add item', place)) place = place.parentElement
  return place
}
const aim = one => {
  one.scrollIntoView({block: 'center'})
  const at = one.getBoundingClientRect()
  window.aimed = {one, top: at.top, hits: 0}
  const count = event => { aimed.hits += one.contains(event.target) }
  for (const kind of ['pointerdown', 'pointerup'])
    document.addEventListener(kind, count, {capture: true, once: true})
  return [at.x + at.width / 2, at.y + at.height / 2]
}
const missed = () => {
  if (!window.aimed) return false
  const {one, top, hits} = aimed
  return one.isConnected ? hits < 2 && one.getBoundingClientRect().top !== top : hits === 0
}
"""
"""What a person sees, found by its text: `label` and its `field`; `list` is the part of a form with `Add item`.

`aim` tells where a thing is, and `missed` whether it moved away, or was drawn anew, before the mouse was released: a
page moves whenever an answer of the server arrives.
"""


class Page:
    """One tab. Expressions are JavaScript, and may use `FINDING`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count(1)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; events that come in between are nobody's concern."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            reply = json.loads(self._connection.recv(timeout=HANG))
            if reply.get("id") == number:
                assert "error" not in reply, f"{method}: {reply.get('error')}"
                result: dict[str, Any] = reply["result"]
                return result

    def evaluate(self, expression: str) -> Any:
        """What an expression comes to, as JSON has it; a promise is waited for."""
        body = f"(() => {{ {FINDING}; return {expression} }})()"
        reply = self.command("Runtime.evaluate", expression=body, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, f"{expression}: {reply['exceptionDetails']}"
        return reply["result"].get("value")

    def open(self, url: str) -> None:
        self.command("Page.navigate", url=url)

    @property
    def text(self) -> str:
        """All that is to be read on the page."""
        return str(self.evaluate("words(document.body)"))

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true, or finds something."""
        deadline = time.monotonic() + HANG
        while not self.evaluate(f"!!({expression})"):
            assert time.monotonic() < deadline, f"{expression} did not come about. The page says: {self.text[:3000]}"
            time.sleep(PAUSE)

    def wait_for_text(self, *texts: str) -> None:
        """Wait until the page shows one of these, whatever the space between its words."""
        self.wait_for(f"{json.dumps(texts)}.some(text => words(document.body).includes(text))")

    def click(self, text: str, selector: str = CLICKABLE) -> None:
        """Click the first thing that says just this, once it is there and enabled."""
        self._click(f"named({json.dumps(selector)}, {json.dumps(text)})")

    def switch(self, name: str) -> None:
        """Click the switch, or the choice, with this label."""
        self._click(f"field({json.dumps(name)})")

    def _click(self, found: str) -> None:
        """As a hand does, again where it missed: not everything here listens for a mere `click`."""
        missed = True
        while missed:
            self.wait_for(found)
            x, y = self.evaluate(f"aim({found})")
            self.point_at(x, y)
            for kind in ("mousePressed", "mouseReleased"):
                self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            missed = self.evaluate("missed()")

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def fill(self, name: str, text: str) -> None:
        """Type into the field with this label, in place of what is there."""
        self._type(f"field({json.dumps(name)})", text)

    def type_into(self, selector: str, text: str) -> None:
        """Type into the first field that a selector finds, in place of what is there."""
        self._type(f"all({json.dumps(selector)})[0]", text)

    def add(self, name: str, *texts: str) -> None:
        """Add items to the list with this label."""
        items = f"all('textarea, input', list({json.dumps(name)}))"
        for text in texts:
            self.add_item(name)
            self._type(f"{items}.at(-1)", text)

    def add_item(self, name: str) -> None:
        """Add an empty item to the list with this label."""
        place = f"list({json.dumps(name)})"
        items = f"all('textarea, input', {place})"
        self.wait_for(place)
        before = self.evaluate(f"{items}.length")
        self._click(f"named('button', 'Add item', {place})")
        self.wait_for(f"{items}.length > {before}")

    def _type(self, found: str, text: str) -> None:
        self.wait_for(found)
        self.evaluate(f"(one => {{ one.scrollIntoView({{block: 'center'}}); one.focus(); one.select() }})({found})")
        self.command("Input.insertText", text=text)

    def screenshot(self, path: Path, *, width: int = WIDTH, height: int = HEIGHT) -> None:
        """The window as a picture, in this size."""
        self.resize(width, height)
        shot = self.command("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )


@contextmanager
def a_page(folder: Path, *switches: str) -> Iterator[Page]:
    """The page of a browser of its own, which ends with the block; `folder` takes its profile."""
    assert EXECUTABLE, "there is no Chromium here"
    profile = folder / "chromium"
    command = [EXECUTABLE, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    options = ["--hide-scrollbars", "--lang=en-GB", f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(
        [*command, *switches, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            with connect(_address(profile, process), max_size=None) as connection:
                page = Page(connection)
                page.command("Page.enable")
                page.resize(WIDTH, HEIGHT)
                yield page
        finally:
            process.terminate()


def _address(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the first page listens; Chromium writes the port that it chose into its profile."""
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + HANG
    while not (told.exists() and len(told.read_text().splitlines()) > 1):
        assert process.poll() is None and time.monotonic() < deadline, "Chromium did not start"
        time.sleep(0.1)
    port = told.read_text().splitlines()[0]
    pages = get(f"http://127.0.0.1:{port}/json").json()
    return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))
