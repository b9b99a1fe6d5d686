"""Mutated replies and images through the whole reading: an answer for each call, and nothing but our own errors.

The numbers are bounded so that the tests end in minutes. For a longer search set FUZZ, which multiplies them,
and FUZZ_SEED.
"""

import base64
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from pressrun.batchfile import Harvest
from pressrun.calls import Answer, Call, StepName
from pressrun.costs.books import Books
from pressrun.costs.ledger import CallEstimate, Origin
from pressrun.errors import Unreadable
from pressrun.result_file import result_lines
from pressrun.routes.batch import BatchView
from pressrun.simulator.writer import write_reply
from pressrun.steps import CONFIG, STEPS, InvalidReply, Order, read_answer, repair_call
from pressrun.usage import BELIEVABLE, read_usage
from tests.fuzz.mutations import damaged_bytes, damaged_json
from tests.simulator.written import ENGLISH, a_brief, a_site, an_order

TIMES = int(os.environ.get("FUZZ", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "20261128"))
REPLIES, IMAGES, BATCHES = 100_000 * TIMES, 10_000 * TIMES, 50_000 * TIMES
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
USAGE = {"prompt_tokens": 900, "completion_tokens": 400, "total_tokens": 1_300}


@pytest.fixture(scope="module")
def order() -> Order:
    _, config, _ = a_site("en", 6)
    return an_order(a_brief(ENGLISH, 6, 4), config)


def a_call(order: Order, step: StepName) -> Call:
    return (
        CONFIG.calls(order.model_copy(update={"config": None})) if step is StepName.CONFIG else STEPS[step].calls(order)
    )[0]


def a_chat(call: Call) -> dict[str, Any]:
    message = {"role": "assistant", "content": write_reply(call.body), "refusal": None}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}


def an_image(kind: str) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((96, 80), 90).convert("RGB").save(file, kind)
    return file.getvalue()


def check(order: Order, call: Call, answer: Answer, books: Books) -> bool:
    """Read an answer as a flow does, to its repair; whether it gave content."""
    assert answer.call_id == call.id
    row = books._row(call, answer, CallEstimate())
    told = read_usage(answer.body).usage if answer.body else None
    assert told is None or (row.usage.input >= told.input and row.usage.output >= told.output)
    assert row.usage.input + row.usage.output <= 4 * BELIEVABLE
    if answer.error is not None:
        assert answer.error and len(answer.error) < 1_000
        return False
    try:
        reading = read_answer(STEPS[call.step], order, call, answer)
    except InvalidReply as invalid:
        repair_call(call, answer, dict.fromkeys(call.covers, invalid.faults))
        return False
    assert reading.parsed.keys() | reading.faults.keys() == set(call.covers)
    return not reading.faults


def read_back(call: Call, content: bytes) -> Answer:
    """The answer of a result file with this content."""
    harvest = Harvest([call.id], batch_id="batch_1", run_id="run-1", at=NOW)
    answers = [answer for line in result_lines([content]) if (answer := harvest.take(line))]
    answers += harvest.rest("missing")
    [answer] = answers
    account = harvest.account()
    assert account.submitted == account.answered + account.failed + account.unanswered == 1
    return answer


def odd_line(line: dict[str, Any], random: Random) -> bytes:
    return json.dumps(damaged_json(line, random)).encode("utf-8", "replace")


def odd_body(line: dict[str, Any], random: Random) -> bytes:
    response = {**line["response"], "body": damaged_json(line["response"]["body"], random)}
    return json.dumps({**line, "response": response}).encode("utf-8", "replace")


def odd_content(line: dict[str, Any], random: Random) -> bytes:
    """What the model wrote is odd."""
    body = line["response"]["body"]
    written = json.loads(body["choices"][0]["message"]["content"])
    message = {"role": "assistant", "content": json.dumps(damaged_json(written, random))}
    response = {**line["response"], "body": {**body, "choices": [{"message": message, "finish_reason": "stop"}]}}
    return json.dumps({**line, "response": response}).encode("utf-8", "replace")


def odd_bytes(line: dict[str, Any], random: Random) -> bytes:
    return damaged_bytes(json.dumps(line).encode(), random)


WAYS = (odd_line, odd_body, odd_body, odd_content, odd_content, odd_bytes)


@pytest.mark.parametrize("step", [StepName.CONFIG, StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO])
def test_mutated_replies_give_content_or_faults(step: StepName, order: Order, tmp_path: Path) -> None:
    random = Random(f"{SEED} {step}")
    books = Books(path=tmp_path / "ledger.sqlite", budget="b", origin=Origin(run_id="run-1", provider="p"))
    call = a_call(order, step)
    line = {"custom_id": call.id, "response": {"status_code": 200, "body": a_chat(call)}, "error": None}
    content = 0
    for _ in range(REPLIES // 4):
        odd = random.choice(WAYS)(line, random)
        content += check(order, call, read_back(call, odd + b"\n"), books)
    # Much of the damage is in places that nobody needs, which must not cost the answer.
    assert content > REPLIES / 4 / 20


def test_mutated_images_give_an_image_or_faults(order: Order, tmp_path: Path) -> None:
    random = Random(f"{SEED} images")
    books = Books(path=tmp_path / "ledger.sqlite", budget="b", origin=Origin(run_id="run-1", provider="p"))
    call = a_call(order, StepName.IMAGES)
    sound = {kind: an_image(kind) for kind in ("JPEG", "PNG", "WEBP")}
    for _ in range(IMAGES):
        data = damaged_bytes(sound[random.choice(list(sound))], random)
        body = {
            "data": [{"b64_json": base64.b64encode(data).decode()}],
            "usage": {"input_tokens": 20, "output_tokens": 400},
        }
        line = {"custom_id": call.id, "response": {"status_code": 200, "body": body}}
        check(order, call, read_back(call, json.dumps(line).encode()), books)


def test_mutated_batch_objects_are_read() -> None:
    random = Random(f"{SEED} batches")
    sound = {
        "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
        "status": "completed", "created_at": 1_795_435_200, "completed_at": 1_795_435_300, "output_file_id": "file-2",
        "error_file_id": None, "request_counts": {"total": 4, "completed": 3, "failed": 1},
        "metadata": {"pressrun_key": "k", "sites": "a,b"}, "usage": {"input_tokens": 5, "output_tokens": 5},
        "errors": {"object": "list", "data": [{"code": "x", "message": "y", "line": 2}]},
    }  # fmt: skip
    for _ in range(BATCHES):
        odd = damaged_json(sound, random)
        if not isinstance(odd, dict):
            continue
        try:
            view = BatchView.read(odd)
        except Unreadable:
            continue
        assert view.status
        assert 0 <= view.done <= 2 * 10**12
