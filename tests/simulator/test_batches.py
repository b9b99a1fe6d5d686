"""The Batch API over real HTTP, driven by OpenAI's SDK."""

import json
from pathlib import Path

import pytest
from openai import BadRequestError, ConflictError, NotFoundError, OpenAI

from pressrun.simulator import running_simulator
from tests.simulator.driving import (
    IMAGES,
    TEXT_MODEL,
    a_chat,
    a_line,
    an_image,
    connect,
    read_lines,
    submit,
    upload,
    wait_for,
    wait_for_progress,
)


def test_a_batch_goes_from_validating_to_completed(client: OpenAI) -> None:
    created = submit(client, a_line("a"), a_line("b"), a_line("c"), metadata={"job": "42"})
    assert created.status == "validating"
    assert created.expires_at == created.created_at + 86_400
    assert created.request_counts is not None and created.request_counts.total == 0
    assert (created.output_file_id, created.error_file_id, created.model) == (None, None, None)

    done = wait_for(client, created)
    assert done.status == "completed"
    assert done.metadata == {"job": "42"}
    assert done.model == TEXT_MODEL
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (3, 3, 0)
    assert done.error_file_id is None
    assert done.created_at <= done.in_progress_at <= done.finalizing_at <= done.completed_at


def test_every_state_on_the_way_is_seen_in_order(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=1.0) as url:
        client = connect(url)
        batch = submit(client, a_line())
        seen = [batch.status]
        for status in ("in_progress", "finalizing", "completed"):
            seen.append(wait_for(client, batch, frozenset({status})).status)
    assert seen == ["validating", "in_progress", "finalizing", "completed"]


def test_the_output_is_not_in_the_order_of_the_input(client: OpenAI) -> None:
    ids = ["a", "b", "c", "d"]
    done = wait_for(client, submit(client, *(a_line(custom_id) for custom_id in ids)))
    lines = read_lines(client, done.output_file_id)
    assert set(lines) == set(ids)
    assert list(lines) != ids


def test_an_output_line_holds_the_whole_reply_and_the_usage_adds_up(client: OpenAI) -> None:
    done = wait_for(client, submit(client, a_line("a"), a_line("b")))
    lines = read_lines(client, done.output_file_id)
    assert all(line["error"] is None and line["response"]["status_code"] == 200 for line in lines.values())
    assert lines["a"]["id"].startswith("batch_req_")
    assert len(lines["a"]["response"]["request_id"]) == 32
    bodies = [line["response"]["body"] for line in lines.values()]
    assert {body["service_tier"] for body in bodies} == {"default"}
    assert done.usage is not None
    assert done.usage.input_tokens == sum(body["usage"]["prompt_tokens"] for body in bodies) > 0
    assert done.usage.output_tokens == sum(body["usage"]["completion_tokens"] for body in bodies) > 0
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens


def test_a_line_in_a_batch_gets_the_same_content_as_in_real_time(client: OpenAI) -> None:
    done = wait_for(client, submit(client, a_line("a")))
    batched = read_lines(client, done.output_file_id)["a"]["response"]["body"]
    direct = client.chat.completions.create(**a_chat())
    assert batched["choices"][0]["message"]["content"] == direct.choices[0].message.content


def test_bad_bodies_fail_their_lines_and_the_rest_is_answered(client: OpenAI) -> None:
    bad = a_chat(max_tokens=10)
    done = wait_for(client, submit(client, a_line("good"), a_line("bad", bad), a_line("odd", a_chat(colour="red"))))
    assert done.status == "completed"
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (3, 1, 2)
    assert set(read_lines(client, done.output_file_id)) == {"good"}
    errors = read_lines(client, done.error_file_id)
    assert set(errors) == {"bad", "odd"}
    assert errors["bad"]["error"] is None
    assert errors["bad"]["response"]["status_code"] == 400
    assert errors["bad"]["response"]["body"]["error"]["param"] == "max_tokens"
    assert errors["odd"]["response"]["body"]["error"]["code"] == "unknown_parameter"


def test_a_batch_in_which_every_line_failed_is_completed_without_an_output_file(client: OpenAI) -> None:
    done = wait_for(client, submit(client, a_line("bad", a_chat(stream=True))))
    assert (done.status, done.output_file_id) == ("completed", None)
    assert set(read_lines(client, done.error_file_id)) == {"bad"}


def test_images_are_batched_as_well(client: OpenAI) -> None:
    batch = submit(client, a_line("picture", an_image(), url=IMAGES), endpoint=IMAGES)
    done = wait_for(client, batch)
    body = read_lines(client, done.output_file_id)["picture"]["response"]["body"]
    assert body["data"][0]["b64_json"]
    assert done.usage is not None and done.usage.output_tokens == body["usage"]["output_tokens"]


def test_cancelling_keeps_what_was_finished(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=2.0) as url:
        client = connect(url)
        ids = {f"line-{number}" for number in range(8)}
        batch = submit(client, *(a_line(custom_id) for custom_id in sorted(ids)))
        wait_for_progress(client, batch, 2)
        cancelling = client.batches.cancel(batch.id)
        assert cancelling.status == "cancelling"
        assert client.batches.cancel(batch.id).cancelling_at == cancelling.cancelling_at
        done = wait_for(client, batch)
        output, errors = read_lines(client, done.output_file_id), read_lines(client, done.error_file_id)
    assert done.status == "cancelled"
    assert done.cancelled_at >= done.cancelling_at
    assert 2 <= len(output) < 8
    assert set(output) | set(errors) == ids and not set(output) & set(errors)
    assert {(line["response"], line["error"]["code"]) for line in errors.values()} == {(None, "batch_cancelled")}
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (len(output), 0)


def test_a_batch_can_be_cancelled_while_it_is_validated(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=5.0) as url:
        client = connect(url)
        batch = submit(client, a_line())
        assert client.batches.cancel(batch.id).status == "cancelling"
        done = wait_for(client, batch)
    assert (done.status, done.output_file_id, done.in_progress_at) == ("cancelled", None, None)


def test_an_ended_batch_cannot_be_cancelled(client: OpenAI) -> None:
    done = wait_for(client, submit(client, a_line()))
    with pytest.raises(ConflictError, match="status 'completed'"):
        client.batches.cancel(done.id)


def test_an_expired_batch_keeps_what_was_finished(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=2.0, window_seconds=0.7) as url:
        client = connect(url)
        ids = {f"line-{number}" for number in range(8)}
        done = wait_for(client, submit(client, *(a_line(custom_id) for custom_id in sorted(ids))))
        output, errors = read_lines(client, done.output_file_id), read_lines(client, done.error_file_id)
    assert done.status == "expired"
    assert done.expired_at >= done.created_at
    assert len(output) == 2
    assert set(output) | set(errors) == ids
    assert {(line["response"], line["error"]["code"]) for line in errors.values()} == {(None, "batch_expired")}
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (8, 2, 0)


def test_batches_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=0.05) as url:
        client = connect(url)
        ids = [submit(client, a_line()).id for _ in range(5)]
        page = client.batches.list(limit=2)
        assert [batch.id for batch in page.data] == ids[:2:-1]
        assert page.has_more
        assert [batch.id for batch in client.batches.list(limit=2)] == ids[::-1]
        last = client.batches.list(limit=2, after=ids[1])
        assert ([batch.id for batch in last.data], last.has_more) == ([ids[0]], False)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"after": "batch_unknown"}])
def test_a_wrong_page_is_refused(client: OpenAI, query: dict[str, object]) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.batches.list(**query)
    assert refusal.value.param == next(iter(query))


def test_an_unknown_batch_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="batch_nowhere"):
        client.batches.retrieve("batch_nowhere")


def test_the_life_of_the_output_file_can_be_chosen(client: OpenAI) -> None:
    batch = submit(client, a_line(), output_expires_after={"anchor": "created_at", "seconds": 7200})
    output_file_id = wait_for(client, batch).output_file_id
    assert output_file_id
    file = client.files.retrieve(output_file_id)
    assert file.purpose == "batch_output"
    assert file.filename == f"{batch.id}_output.jsonl"
    assert file.expires_at == pytest.approx(file.created_at + 7200, abs=1)


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"completion_window": "1h"}, "completion_window", "invalid_value"),
        ({"endpoint": "/v1/poems"}, "endpoint", "invalid_value"),
        ({"endpoint": "/v1/embeddings"}, "endpoint", "unsupported_value"),
        ({"input_file_id": "file-nowhere"}, "input_file_id", "invalid_value"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata", "object_above_max_properties"),
        ({"metadata": {"k" * 65: "x"}}, "metadata", "string_above_max_length"),
        ({"metadata": {"k": "x" * 513}}, "k", "string_above_max_length"),
        ({"metadata": {"k": 1}}, "k", "invalid_type"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
            "output_expires_after.seconds",
            "integer_below_min_value",
        ),
        (
            {"output_expires_after": {"anchor": "now", "seconds": 3600}},
            "output_expires_after.anchor",
            "invalid_value",
        ),
        ({"extra_body": {"priority": "high"}}, "priority", "unknown_parameter"),
    ],
)
def test_a_batch_with_a_wrong_parameter_is_not_created(
    client: OpenAI, changes: dict[str, object], param: str, code: str
) -> None:
    options = {
        "input_file_id": upload(client, a_line()),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        **changes,
    }
    newest = client.batches.list(limit=1).data
    with pytest.raises(BadRequestError) as refusal:
        client.batches.create(**options)
    assert (refusal.value.param, refusal.value.code) == (param, code)
    assert [batch.id for batch in client.batches.list(limit=1).data] == [batch.id for batch in newest]


def test_an_output_file_is_no_input_file(client: OpenAI) -> None:
    done = wait_for(client, submit(client, a_line()))
    with pytest.raises(BadRequestError, match="purpose"):
        client.batches.create(
            input_file_id=str(done.output_file_id), endpoint="/v1/chat/completions", completion_window="24h"
        )


def test_text_in_any_script_survives(client: OpenAI) -> None:
    line = json.dumps(
        a_line("麵包-1", a_chat(messages=[{"role": "user", "content": "請介紹台中的麵包店🍞"}])), ensure_ascii=False
    )
    done = wait_for(client, submit(client, line))
    assert set(read_lines(client, done.output_file_id)) == {"麵包-1"}
