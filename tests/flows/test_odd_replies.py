"""One odd reply harms its own item: the site is delivered, and the next run asks for that item alone."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from flows.build_site import build_site
from pressrun.strategy import Preference
from tests.builders import a_brief
from tests.flows.meddler import Body, Meddler

pytestmark = pytest.mark.usefixtures("prefect_api")

BROKEN_PNG = (
    "iVBORw0KGgoAAAAFSUhEUgAAAFAAAABQCAIAAAABc2X6AAAAKklEQVR4nO3BAQ0AAADCoPdPbQ43oAAAAAAAAAAAAAAAAAAAAAAAAODXAEtQAAGPJpE5"
    "AAAAAElFTkSuQmCC"
)
"""A PNG whose header says that it is shorter than it must be."""


def build(tmp_path: Path, **changes: Any) -> Any:
    return build_site(
        brief=a_brief(**{"pages": ["Home"], "image_count": 2, **changes}),
        out=str(tmp_path / "out"),
        preference=Preference.SPEED,
        return_state=True,
    )


def manifest(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / a_brief().slug / "manifest.json").read_text())


def is_for(asked: Body, what: str) -> bool:
    name = str(asked.get("response_format", {}).get("json_schema", {}).get("name"))
    return name == what or (what == "image" and "quality" in asked)


Odd = tuple[str, Callable[[Body], Any]]
"""What kind of request, and what its reply becomes."""


def odd_for(kinds: list[Odd]) -> Callable[[Body, Body], Any]:
    """Make each odd reply the answer to a request of its own, and to those that repeat or repair it."""
    left, chosen = list(kinds), dict[str, Callable[[Body], Any]]()
    lock = Lock()

    def meddle(asked: Body, reply: Body) -> Any:
        said = json.dumps(asked.get("messages") or asked["prompt"])[:-1]
        with lock:
            odd = next((odd for first, odd in chosen.items() if said.startswith(first)), None)
            fitting = [kind for kind in left if is_for(asked, kind[0])]
            if odd is None and fitting:
                left.remove(fitting[0])
                odd = chosen[said] = fitting[0][1]
        return odd(reply) if odd else reply

    return meddle


def with_message(reply: Body, message: Any) -> Body:
    return {**reply, "choices": [{**reply["choices"][0], "message": message}]}


def with_image(reply: Body, **image: Any) -> Body:
    return {**reply, "data": [image]}


ODD: dict[str, Odd] = {
    "the reply has no choices": ("article", lambda reply: {**reply, "choices": [None]}),
    "the reply is empty": ("article", lambda reply: with_message(reply, [1])),
    "(402): Insufficient credits upstream": (
        "article",
        lambda _: {"error": {"message": "Insufficient credits upstream", "code": 402}, "choices": None},
    ),
    "the reply's image cannot be read": ("image", lambda reply: with_image(reply, b64_json=BROKEN_PNG)),
    "the server sent a link instead": ("image", lambda reply: with_image(reply, url="https://x.example/1.png")),
    "the provider returned no image": ("image", lambda reply: {**reply, "data": []}),
}
"""By the reason that a person reads."""


def test_odd_replies_harm_their_items_and_the_next_run_asks_for_those_alone(tmp_path: Path, provider: Meddler) -> None:
    provider.meddle = odd_for(list(ODD.values()))
    state = build(tmp_path, image_count=4)
    assert state.name == "Incomplete", state.message
    reasons = [item["reason"] for item in manifest(tmp_path)["missing"]]
    assert len(reasons) == len(ODD)
    for said in ODD:
        assert sum(said in reason for reason in reasons) == 1, (said, reasons)

    provider.meddle, asked = None, len(provider.asked)
    assert build(tmp_path, image_count=4).is_completed()
    assert len(provider.asked) == asked + len(ODD)


READ: list[Odd] = [
    ("site_config", lambda reply: with_message(reply, reply["choices"][0]["message"]["content"])),
    (
        "article",
        lambda reply: with_message(
            reply,
            {"content": [{"type": "thinking", "thinking": []},
                         {"type": "text", "text": reply["choices"][0]["message"]["content"]}]},
        ),
    ),
    ("image", lambda reply: with_image(reply, b64_json=f"data:image/jpeg;base64,{reply['data'][0]['b64_json']}")),
    ("image", lambda reply: {**reply, "data": reply["data"][0]}),
]  # fmt: skip


def test_what_can_be_read_is_read_and_paid_for_once(tmp_path: Path, provider: Meddler) -> None:
    provider.meddle = odd_for(READ)
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
    images = [call for call in manifest(tmp_path)["calls"] if call["step"] == "images"]
    assert [call["usage_known"] for call in images] == [False, False]
    assert sum(Decimal(call["cost_usd"]) for call in images) > Decimal("0.09")
    assert result.cost_usd > Decimal("0.09")
    assert result.unknown_usd == sum(Decimal(call["cost_usd"]) for call in images)
    report = (tmp_path / "out" / a_brief().slug / "costs.md").read_text()
    assert "2 calls came without usable token counts" in report
