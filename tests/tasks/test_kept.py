"""Replies that are kept one by one, in a real result storage."""

import base64
from typing import Any

import pytest
from prefect import flow

from pressrun.batchfile import Account
from pressrun.calls import Answer, Route
from pressrun.routes.batch import Harvested
from pressrun.routes.provider import Provider
from tasks import kept
from tasks.kept import (
    answers_of_batch,
    find_for_run,
    is_kept,
    keep,
    keep_for_run,
    opened,
    share_of,
    share_out,
    was_answered,
)
from tests.calls_builder import NOW, a_call

pytestmark = pytest.mark.usefixtures("prefect_api")

PROVIDER = Provider(base_url="https://kept.example/v1")


def an_image_answer(number: int, batch_id: str = "batch_kept") -> Answer:
    body: dict[str, Any] = {
        "data": [{"b64_json": base64.b64encode(bytes([number]) * 1000).decode()}],
        "usage": {"output_tokens": 100 + number},
    }
    return Answer(
        call_id=f"call-{number}", route=Route.BATCH, body=body, batch_id=batch_id, run_id="run-1", answered_at=NOW
    )


def test_a_kept_answer_is_light_and_comes_back_whole() -> None:
    answer = an_image_answer(1)
    light = keep(answer, PROVIDER)
    assert light.body is None
    assert light.usage == answer.usage
    assert len(light.model_dump_json()) < 1000
    assert is_kept(light)
    assert opened(light) == answer


def test_a_kept_answer_survives_being_stored_as_json() -> None:
    light = keep(an_image_answer(2), PROVIDER)
    assert opened(Answer.model_validate_json(light.model_dump_json())).body == an_image_answer(2).body


def test_the_same_call_in_another_batch_or_at_another_provider_is_kept_apart() -> None:
    keys = {
        keep(an_image_answer(3), PROVIDER).kept,
        keep(an_image_answer(3, "batch_other"), PROVIDER).kept,
        keep(an_image_answer(3), Provider(base_url="https://other.example/v1")).kept,
    }
    assert len(keys) == 3


def test_a_failure_has_nothing_to_keep() -> None:
    failed = Answer(call_id="call-4", route=Route.BATCH, error="no", code="400")
    assert keep(failed, PROVIDER) == opened(failed) == failed
    assert is_kept(failed)


def test_nothing_that_is_kept_stays_in_memory() -> None:
    light = keep(an_image_answer(5), PROVIDER)
    opened(light)
    assert len(kept.result_store().cache) == 0


def test_what_was_lost_from_the_storage_is_not_there() -> None:
    lost = an_image_answer(6).model_copy(update={"body": None, "kept": "pressrun-reply-nowhere"})
    assert not is_kept(lost)
    assert answers_of_batch("batch_nobody_knows", "budget", PROVIDER) == {}
    assert not was_answered(a_call(), PROVIDER)


def test_a_flow_that_does_not_persist_its_own_result_keeps_answers_all_the_same() -> None:
    @flow
    def keeping() -> bytes:
        light = keep(an_image_answer(7), PROVIDER)
        return base64.b64decode((opened(light).body or {})["data"][0]["b64_json"])

    assert keeping() == bytes([7]) * 1000


def test_what_is_kept_for_a_run_is_found_by_that_attempt_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", "run-kept")
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__RUN_COUNT", "1")
    assert find_for_run("thing") is None
    keep_for_run("thing", PROVIDER)
    assert Provider.model_validate(find_for_run("thing")) == PROVIDER
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__RUN_COUNT", "2")
    assert find_for_run("thing") is None


def test_each_site_reads_its_own_share_of_a_batch_and_one_that_lacks_a_reply_is_none() -> None:
    answers = [keep(an_image_answer(number, "batch_shared"), PROVIDER) for number in (1, 2, 3)]
    account = Account(submitted=3, answered=3, failed=0, unanswered=0)
    whole = Harvested(answers=answers, account=account, at=NOW)
    share_out(whole, "batch_shared", {"one": ["call-1", "call-3"], "two": ["call-2"]}, PROVIDER)
    assert share_of("batch_shared", "one", PROVIDER) == whole.model_copy(update={"answers": [answers[0], answers[2]]})
    assert list(answers_of_batch("batch_shared", "two", PROVIDER)) == ["call-2"]
    assert share_of("batch_shared", "three", PROVIDER) is None

    gone = whole.model_copy(update={"answers": [answers[0].model_copy(update={"kept": "pressrun-reply-nowhere"})]})
    share_out(gone, "batch_gone", {"one": ["call-1"]}, PROVIDER)
    assert share_of("batch_gone", "one", PROVIDER) is None
