"""One odd reply harms its own item: the site is delivered, and the next run asks for that item alone."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.build_site import build_site
from pressrun.strategy import Preference
from tests.builders import a_brief
from tests.flows.meddler import Body, Meddler, meddling
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

BROKEN_PNG = (
    "iVBORw0KGgoAAAAFSUhEUgAAAFAAAABQCAIAAAABc2X6AAAAKklEQVR4nO3BAQ0AAADCoPdPbQ43oAAAAAAAAAAAAAAAAAAAAAAAAODXAEtQAAGPJpE5"
    "AAAAAElFTkSuQmCC"
)
"""A PNG whose header says that it is shorter than it must be."""


@pytest.fixture
def provider(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meddler]:
    with meddling(server.base_url) as meddler:
        monkeypatch.setenv("OPENAI_BASE_URL", meddler.base_url)
        monkeypatch.setenv("PRESSRUN_REALTIME_RETRIES", "0")
        yield meddler


def build(tmp_path: Path, **changes: Any) -> Any:
    return build_site(
        brief=a_brief(**{"pages": ["Home"], "image_count": 2, **changes}),
        out=str(tmp_path / "out"),
        preference=Preference.SPEED,
        return_state=True,
    )


def is_for(asked: Body, what: str) -> bool:
    name = str(asked.get("response_format", {}).get("json_schema", {}).get("name"))
    return name == what or (what == "image" and "quality" in asked)


def always(what: str, odd: Callable[[Body], Any]) -> Callable[[Body, Body], Any]:
    """Make the replies to the first request of a kind odd, and to those that repeat or repair it."""
    first: list[str] = []

    def meddle(asked: Body, reply: Body) -> Any:
        said = json.dumps(asked.get("messages") or asked["prompt"])[:-1]
        if is_for(asked, what) and (not first or said.startswith(first[0])):
            first.append(said)
            return odd(reply)
        return reply

    return meddle


def with_message(reply: Body, message: Any) -> Body:
    return {**reply, "choices": [{**reply["choices"][0], "message": message}]}


def with_image(reply: Body, **image: Any) -> Body:
    return {**reply, "data": [image]}


ODD: dict[str, tuple[str, Callable[[Body], Any], str]] = {
    "a choice that is null": ("article", lambda reply: {**reply, "choices": [None]}, "has no choices"),
    "a message that is a list": ("article", lambda reply: with_message(reply, [1]), "is empty"),
    "an error with status 200": (
        "article",
        lambda _: {"error": {"message": "Insufficient credits upstream", "code": 402}, "choices": None},
        "(402): Insufficient credits upstream",
    ),
    "a PNG with a broken header": ("image", lambda reply: with_image(reply, b64_json=BROKEN_PNG), "cannot be read"),
    "a link to an image": ("image", lambda reply: with_image(reply, url="https://x.example/1.png"), "a link instead"),
    "no image at all": ("image", lambda reply: {**reply, "data": []}, "moderation may have held it back"),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_reply_harms_its_item_and_the_next_run_asks_for_that_alone(
    tmp_path: Path, server: Server, provider: Meddler, kind: str
) -> None:
    what, odd, reason = ODD[kind]
    provider.meddle = always(what, odd)
    state = build(tmp_path)
    assert state.name == "Incomplete", state.message
    [missing] = json.loads((tmp_path / "out" / a_brief().slug / "manifest.json").read_text())["missing"]
    assert reason in missing["reason"]

    provider.meddle, asked = None, len(provider.asked)
    assert build(tmp_path).is_completed()
    assert len(provider.asked) == asked + 1


READ: dict[str, tuple[str, Callable[[Body], Any]]] = {
    "content in parts": (
        "article",
        lambda reply: with_message(
            reply,
            {"content": [{"type": "thinking", "thinking": []},
                         {"type": "text", "text": reply["choices"][0]["message"]["content"]}]},
        ),
    ),
    "a message that is text": (
        "site_config", lambda reply: with_message(reply, reply["choices"][0]["message"]["content"])
    ),
    "an image as a data URI": (
        "image", lambda reply: with_image(reply, b64_json=f"data:image/jpeg;base64,{reply['data'][0]['b64_json']}")
    ),
    "an image outside a list": ("image", lambda reply: {**reply, "data": reply["data"][0]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_can_be_read_is_read_and_paid_for_once(tmp_path: Path, provider: Meddler, kind: str) -> None:
    provider.meddle = always(*READ[kind])
    state = build(tmp_path)
    assert state.is_completed(), state.message
    assert len({json.dumps(body, sort_keys=True) for body in provider.asked}) == len(provider.asked) == 11


def test_images_without_usage_count_against_the_cap_at_the_most_they_can_cost(
    tmp_path: Path, provider: Meddler
) -> None:
    def silent(asked: Body, reply: Body) -> Body:
        return {name: part for name, part in reply.items() if name != "usage"} if is_for(asked, "image") else reply

    provider.meddle = silent
    result = build(tmp_path).result()
    images = [call for call in result_calls(tmp_path) if call["step"] == "images"]
    assert [call["usage_known"] for call in images] == [False, False]
    assert sum(Decimal(call["cost_usd"]) for call in images) > Decimal("0.09")
    assert result.cost_usd > Decimal("0.09")
    report = (tmp_path / "out" / a_brief().slug / "costs.md").read_text()
    assert "2 calls came without usable token counts" in report


def result_calls(tmp_path: Path) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads((tmp_path / "out" / a_brief().slug / "manifest.json").read_text())["calls"]
    return calls
