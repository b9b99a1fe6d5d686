"""What becomes of bad replies: sent back once a run, paid for and in the books, and never an end that no run leaves."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.build_site import build_site
from pressrun.progress import CallDone, Event, Note, listening
from pressrun.strategy import BatchStrategy, Preference
from tests.builders import a_brief
from tests.flows.meddler import Body, Meddler, refused
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

SLUG = a_brief().slug


def build(
    tmp_path: Path, preference: Preference = Preference.SPEED, strategy: BatchStrategy | None = None, **changes: Any
) -> Any:
    """Run the flow on a small brief; returns its final state."""
    return build_site(
        brief=a_brief(**{"pages": ["Home"], "image_count": 1, **changes}),
        strategy=strategy,
        out=str(tmp_path / "out"),
        preference=preference,
        poll_seconds=0.1,
        return_state=True,
    )


def manifest(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / SLUG / "manifest.json").read_text())


def statuses(tmp_path: Path, step: str) -> list[str]:
    """How the calls of a step ended, in the order of the ledger."""
    return [call["status"] for call in manifest(tmp_path)["calls"] if call["step"] == step]


def cut_off(reply: Body) -> Body:
    choice = reply["choices"][0]
    message = {**choice["message"], "content": choice["message"]["content"][:40]}
    return {**reply, "choices": [{**choice, "message": message, "finish_reason": "length"}]}


def with_message(reply: Body, **changes: Any) -> Body:
    choice = reply["choices"][0]
    return {**reply, "choices": [{**choice, "message": {**choice["message"], **changes}}]}


def declined(reply: Body) -> Body:
    return with_message(reply, content=None, refusal="I cannot help with that.")


def off_schema(reply: Body) -> Body:
    return with_message(reply, content='{"headline": "Bread"}')


def talkative(reply: Body) -> Body:
    return with_message(reply, content=f"Here you are: {reply['choices'][0]['message']['content']}")


def broken_off(reply: Body) -> Body:
    error = {"code": 400, "message": "The upstream provider stopped."}
    return {**reply, "choices": [{"index": 0, "message": None, "finish_reason": "error", "error": error}]}


def schema(asked: Body) -> str:
    return str(asked.get("response_format", {}).get("json_schema", {}).get("name"))


def spoil(name: str, *bad: Callable[[Body], Body]) -> Callable[[Body, Body], Body]:
    """Spoil the first replies of a schema (`page_seo`, `site_config`), each in its own way."""
    left = list(bad)

    def meddle(asked: Body, reply: Body) -> Body:
        return left.pop()(reply) if schema(asked) == name and left else reply

    return meddle


FAULTS = {
    cut_off: "cut off at the token limit",
    off_schema: "headline: Extra inputs are not permitted",
    talkative: "the reply is not JSON",
}


def test_an_invalid_reply_is_sent_back_once_with_its_fault_and_both_are_billed(
    tmp_path: Path, provider: Meddler
) -> None:
    provider.meddle = spoil("page_seo", *FAULTS)
    state = build(tmp_path, strategy=BatchStrategy(pack_items=False), pages=["Home", "Services", "About"])
    assert state.is_completed(), state.message

    asked = [body for body in provider.asked if schema(body) == "page_seo"]
    first, repairs = asked[:3], asked[3:]
    assert len(repairs) == 3
    for fault in FAULTS.values():
        [repair] = [body for body in repairs if fault in body["messages"][-1]["content"]]
        [original] = [body for body in first if repair["messages"][: len(body["messages"])] == body["messages"]]
        more_room = 2 if fault == FAULTS[cut_off] else 1
        assert repair["max_completion_tokens"] == more_room * original["max_completion_tokens"]

    assert statuses(tmp_path, "seo") == ["invalid"] * 3 + ["answered"] * 3
    costs = [Decimal(call["cost_usd"]) for call in manifest(tmp_path)["calls"]]
    assert all(costs)
    assert state.result().cost_usd == sum(costs)


def without(*items: str) -> Callable[[Body], Body]:
    """Leave items out of a packed reply."""

    def meddle(reply: Body) -> Body:
        content = json.loads(reply["choices"][0]["message"]["content"])
        kept = {item: words for item, words in content.items() if item not in items}
        return with_message(reply, content=json.dumps(kept))

    return meddle


def test_of_a_packed_reply_only_the_faulty_items_are_sent_back(tmp_path: Path, provider: Meddler) -> None:
    provider.meddle = spoil("image_description_pack", without("image-02", "image-04"))
    state = build(tmp_path, image_count=5)
    assert state.is_completed(), state.message

    first, repair = [body for body in provider.asked if schema(body) == "image_description_pack"]
    wanted = [body["response_format"]["json_schema"]["schema"]["required"] for body in (first, repair)]
    assert wanted == [[f"image-{number:02d}" for number in range(1, 6)], ["image-02", "image-04"]]
    assert statuses(tmp_path, "descriptions") == ["answered", "answered"]


def test_items_of_a_pack_that_no_repair_mends_are_missing_one_by_one(tmp_path: Path, provider: Meddler) -> None:
    provider.meddle = spoil("image_description_pack", without("image-02"), without("image-02"))
    state = build(tmp_path, image_count=3)
    [missing] = state.result(raise_on_failure=False).missing
    assert (missing.step, missing.item) == ("descriptions", "image-02")
    assert missing.reason == "still invalid after one repair: it is missing from the reply"


def test_a_refusal_is_not_sent_back_at_once_but_by_the_next_run(tmp_path: Path, provider: Meddler) -> None:
    provider.meddle = spoil("page_seo", declined)
    assert build(tmp_path).name == "Incomplete"
    [missing] = manifest(tmp_path)["missing"]
    assert (missing["step"], missing["reason"]) == ("seo", "the model refused: I cannot help with that.")
    assert statuses(tmp_path, "seo") == ["invalid"]

    asked = len(provider.asked)
    assert build(tmp_path).is_completed()
    assert [schema(body) for body in provider.asked[asked:]] == ["page_seo"]


def test_what_is_invalid_twice_is_missing_and_each_further_run_tries_once_anew(
    tmp_path: Path, provider: Meddler
) -> None:
    provider.meddle = spoil("page_seo", off_schema, off_schema, off_schema)
    state = build(tmp_path)
    assert (state.name, state.is_failed()) == ("Incomplete", True)
    [missing] = manifest(tmp_path)["missing"]
    assert missing["step"] == "seo"
    assert "still invalid after one repair: " in missing["reason"]
    assert "Extra inputs are not permitted" in missing["reason"]
    assert manifest(tmp_path)["complete"] is False

    asked = len(provider.asked)
    events: list[Event] = []
    with listening(events.append):
        assert build(tmp_path).name == "Incomplete"
    assert [schema(body) for body in provider.asked[asked:]] == ["page_seo"]
    # The first repair is read again, not sent again, and the log does not say that it was sent.
    sent_back = [event for event in events if isinstance(event, Note) and event.text.startswith("Sending back")]
    assert len(sent_back) == 1

    asked = len(provider.asked)
    assert build(tmp_path).is_completed()
    assert [schema(body) for body in provider.asked[asked:]] == ["page_seo"]
    assert statuses(tmp_path, "seo") == ["invalid", "invalid", "invalid", "answered"]
    ids = [call["id"] for call in manifest(tmp_path)["calls"]]
    assert len(set(ids)) == len(ids)

    asked = len(provider.asked)
    assert build(tmp_path).is_completed()
    assert provider.asked[asked:] == []


def test_an_error_in_place_of_an_answer_that_reports_usage_is_billed_once_and_its_item_is_missing(
    tmp_path: Path, provider: Meddler
) -> None:
    provider.meddle = spoil("page_seo", broken_off)
    assert build(tmp_path).name == "Incomplete"
    [missing] = manifest(tmp_path)["missing"]
    assert missing["step"] == "seo"
    assert "The upstream provider stopped." in missing["reason"]
    [call] = [call for call in manifest(tmp_path)["calls"] if call["step"] == "seo"]
    assert call["status"] == "invalid"
    assert Decimal(call["cost_usd"]) > 0


def test_an_item_whose_line_a_batch_refused_is_missing_with_the_code_and_the_words(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    server.faults({"lines": [{"item": "-seo-", "do": "error", "status": 400, "code": "invalid_value"}]})
    build(tmp_path, Preference.BALANCED)
    [missing] = manifest(tmp_path)["missing"]
    assert (missing["step"], missing["reason"]) == ("seo", "invalid_value: A fault of the script.")


def test_a_line_of_a_batch_that_failed_and_reports_usage_is_billed(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    server.faults({"lines": [{"item": "-seo-", "do": "broken_off", "status": 400}]})
    assert build(tmp_path, Preference.BALANCED).name == "Incomplete"
    [call] = [call for call in manifest(tmp_path)["calls"] if call["step"] == "seo"]
    assert (call["status"], call["route"]) == ("invalid", "batch")
    assert Decimal(call["cost_usd"]) > 0


def test_a_configuration_that_stays_invalid_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, provider: Meddler
) -> None:
    provider.meddle = spoil("site_config", off_schema, off_schema)
    state = build(tmp_path)
    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "could not be generated: still invalid after one repair" in state.message
    assert [schema(body) for body in provider.asked] == ["site_config"] * 2
    assert build(tmp_path).is_completed()
    assert statuses(tmp_path, "config") == ["invalid", "invalid", "answered"]


def test_images_that_the_provider_refuses_are_missing_and_they_alone_are_asked_for_again(
    tmp_path: Path, provider: Meddler
) -> None:
    left = [refused(400, "moderation_blocked"), refused(429, "insufficient_quota")]
    provider.meddle = lambda asked, reply: left.pop() if "quality" in asked and left else reply
    assert build(tmp_path, image_count=3).name == "Incomplete"
    missing = manifest(tmp_path)["missing"]
    assert {item["step"] for item in missing} == {"images"}
    assert {item["reason"] for item in missing} == {
        "the provider refused the request (moderation_blocked): No: moderation_blocked.",
        "the provider refused the request (insufficient_quota): No: insufficient_quota.",
    }
    assert sorted(statuses(tmp_path, "images")) == ["answered", "failed", "failed"]

    asked = len(provider.asked)
    assert build(tmp_path, image_count=3).is_completed()
    assert ["quality" in body for body in provider.asked[asked:]] == [True, True]


def test_a_line_that_a_batch_refused_is_asked_for_in_real_time_by_the_next_run(tmp_path: Path, server: Server) -> None:
    server.faults({"lines": [{"do": "error", "item": "article-01", "status": 400, "code": "invalid_value"}]})
    assert build(tmp_path, Preference.BALANCED).name == "Incomplete"
    [missing] = manifest(tmp_path)["missing"]
    assert server.posts() == {"chat": 1, "images": 1, "batches": 1}

    told: list[CallDone] = []
    with listening(lambda event: told.append(event) if isinstance(event, CallDone) else None):
        assert build(tmp_path, Preference.BALANCED).is_completed()
    assert len({event.call.id for event in told}) == len(told) == len(manifest(tmp_path)["calls"])
    assert server.posts() == {"chat": 2, "images": 1, "batches": 1}
    place = (missing["step"], missing["item"])
    [again] = [call for call in manifest(tmp_path)["calls"] if (call["step"], call["item"]) == place]
    assert (again["route"], again["status"]) == ("realtime", "answered")
