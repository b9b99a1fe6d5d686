"""Visual feedback in a run: what is looked at, what is made again, and that it never takes an image away."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.build_site import build_site
from pressrun.progress import CallDone, listening
from pressrun.strategy import BatchStrategy
from tests.builders import a_brief
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

SLUG = a_brief().slug


def build(tmp_path: Path, **strategy: Any) -> tuple[Any, list[str]]:
    """The flow's final state, and the items whose image or review was asked for, in order."""
    asked: list[str] = []

    def listen(event: Any) -> None:
        if isinstance(event, CallDone) and event.call.step in ("images", "review") and not event.reused:
            asked.append(f"{event.call.step} {event.call.item}")

    with listening(listen):
        state = build_site(
            brief=a_brief(pages=["Home"], image_count=5),
            strategy=BatchStrategy.model_validate(strategy),
            out=str(tmp_path / "out"),
            poll_seconds=0.1,
            return_state=True,
        )
    return state, asked


def read(tmp_path: Path, name: str) -> Any:
    return json.loads((tmp_path / "out" / SLUG / name).read_text())


def test_nothing_is_looked_at_unless_it_is_asked_for(tmp_path: Path, server: Server) -> None:
    state, asked = build(tmp_path)
    assert state.is_completed()
    assert not [item for item in asked if item.startswith("review")]


def test_chosen_images_are_looked_at_and_those_that_score_too_low_are_made_once_again(
    tmp_path: Path, server: Server
) -> None:
    state, asked = build(tmp_path, review_images=5, regenerate_below=60)
    assert state.is_completed(), state.message
    assert sorted(item for item in asked if item.startswith("review")) == [f"review image-0{n}" for n in range(1, 6)]
    images = {image["item"]: image for image in read(tmp_path, "images.json")}
    low = [item for item, image in images.items() if image["review"]["score"] < 60]
    assert len(low) == 1
    assert asked.count(f"images {low[0]}") == 2
    assert server.posts()["images"] == 5 + 1
    warnings = [text for text in read(tmp_path, "manifest.json")["warnings"] if text.startswith(f"review {low[0]}")]
    assert warnings
    assert all(text.endswith("(regenerated since)") for text in warnings)


def test_the_same_brief_again_looks_at_nothing_twice(tmp_path: Path, server: Server) -> None:
    build(tmp_path, review_images=5, regenerate_below=60)
    before = server.posts()
    state, asked = build(tmp_path, review_images=5, regenerate_below=60)
    assert state.is_completed()
    assert server.posts() == before
    assert asked == []


def test_a_review_that_fails_is_a_note_for_the_editor_and_the_site_is_complete(tmp_path: Path, server: Server) -> None:
    server.faults({"lines": [{"item": "image_review", "do": "refusal", "in_real_time": True, "times": None}]})
    state, _ = build(tmp_path, review_images=1, regenerate_below=60)
    assert state.is_completed(), state.message
    manifest = read(tmp_path, "manifest.json")
    assert manifest["missing"] == []
    assert any(text.startswith("review image-01: the model refused") for text in manifest["warnings"])


def test_an_image_that_cannot_be_made_again_stays_as_it_was(tmp_path: Path, server: Server) -> None:
    server.faults({"requests": [{"at": "POST /v1/images/generations", "do": "status", "status": 400, "skip": 5}]})
    state, _ = build(tmp_path, review_images=5, regenerate_below=60)
    assert state.is_completed(), state.message
    assert server.was_hit()
    assert len(read(tmp_path, "images.json")) == 5
    assert any(text.startswith("images image-") for text in read(tmp_path, "manifest.json")["warnings"])
