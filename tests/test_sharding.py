"""From calls to input files."""

import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.batchfile import request_line
from pressrun.calls import Call, Endpoint
from pressrun.errors import Refused
from pressrun.sharding import Limits, Shard, shards
from pressrun.tokens import estimate_tokens
from tests.calls_builder import a_call


def sharded(calls: list[Call], limits: Limits | None = None) -> list[tuple[Shard, list[bytes]]]:
    """The shards of these calls, with the lines of their files."""
    with TemporaryDirectory() as folder:
        found = shards(calls, Path(folder), limits)
        return [(shard, shard.path.read_bytes().splitlines(keepends=True)) for shard in found]


def key(*calls: Call) -> str:
    [(shard, _)] = sharded(list(calls))
    return shard.key


def test_every_line_of_an_input_file_is_a_request_as_the_provider_wants_it() -> None:
    calls = [a_call("article-01"), a_call("article-02", prompt="寫一篇文章。")]
    [(shard, lines)] = sharded(calls)
    assert [json.loads(line) for line in lines] == [
        {"custom_id": call.id, "method": "POST", "url": "/v1/chat/completions", "body": call.body} for call in calls
    ]
    assert "寫一篇文章。".encode() in lines[1]
    assert shard.size == sum(map(len, lines))


def test_two_requests_of_one_id_are_refused_and_never_overwritten() -> None:
    first, other = a_call("article-01"), a_call("article-01", prompt="Of another client.")
    other.__dict__["id"] = first.id
    with pytest.raises(Refused, match=f"Two different requests have the id {first.id}"):
        sharded([first, other])


def test_models_and_endpoints_go_into_files_of_their_own() -> None:
    image = a_call("image-01", endpoint=Endpoint.IMAGES, body={"model": "gpt-image-2", "prompt": "x"})
    parts = sharded([a_call("a"), image, a_call("b", model="gpt-6-sol"), a_call("c")])
    assert [(shard.endpoint, shard.model, len(lines)) for shard, lines in parts] == [
        (Endpoint.CHAT, "gpt-6-luna", 2),
        (Endpoint.IMAGES, "gpt-image-2", 1),
        (Endpoint.CHAT, "gpt-6-sol", 1),
    ]


jobs = st.lists(st.integers(0, 400), max_size=25)


@given(lengths=jobs, most=st.integers(1, 7), size=st.integers(300, 2_000), queue=st.integers(50, 800), data=st.data())
def test_every_call_is_in_exactly_one_shard_within_the_limits_and_in_the_same_one_in_any_order(
    lengths: list[int], most: int, size: int, queue: int, data: st.DataObject
) -> None:
    calls = [a_call(f"article-{number:02d}", prompt="x" * length) for number, length in enumerate(lengths)]
    limits = Limits(requests=most, bytes=size, tokens={"gpt-6-luna": queue})
    parts = sharded(calls, limits)
    assert sorted(call_id for shard, _ in parts for call_id in shard.ids) == sorted(call.id for call in calls)
    for shard, lines in parts:
        assert [json.loads(line)["custom_id"] for line in lines] == list(shard.ids)
        # A single request above a limit cannot be split; the provider will say so.
        assert len(lines) == 1 or (len(lines) <= most and shard.size <= size and shard.tokens <= queue)
        assert shard.tokens == sum(estimate_tokens(line.decode()) for line in lines)
    shuffled = sharded(data.draw(st.permutations(calls)), limits)
    assert [(shard.key, lines) for shard, lines in shuffled] == [(shard.key, lines) for shard, lines in parts]


def test_no_two_shards_of_a_job_could_have_been_one() -> None:
    """Greedy filling: a shard is closed only when the next line does not fit."""
    calls = [a_call(f"article-{number:02d}", prompt="x" * 100) for number in range(20)]
    length = len(request_line(calls[0]))
    parts = sharded(calls, Limits(bytes=7 * length))
    assert [len(lines) for _, lines in parts] == [7, 7, 6]


def test_a_call_that_occurs_twice_is_asked_once() -> None:
    [(shard, lines)] = sharded([a_call(), a_call("article-02"), a_call()])
    assert (len(shard.ids), len(lines)) == (2, 2)


def test_a_shards_key_changes_with_any_call_and_with_nothing_else() -> None:
    assert key(a_call("a"), a_call("b")) == key(a_call("b"), a_call("a"))
    assert key(a_call("a"), a_call("b")) != key(a_call("a"), a_call("b", prompt="Other."))
    assert key(a_call("a"), a_call("b")) != key(a_call("a"))


def test_leftovers_are_other_work_than_the_batch_that_left_them(tmp_path: Path) -> None:
    [first], [again] = shards([a_call()], tmp_path), shards([a_call()], tmp_path, after="batch_1")
    assert first.key == again.key
    assert first.work != again.work


def test_tokens_are_counted_only_where_a_limit_makes_them_matter() -> None:
    [(shard, _)] = sharded([a_call()])
    assert shard.tokens == 0


def test_no_calls_make_no_shards(tmp_path: Path) -> None:
    assert shards([], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_memory_that_a_job_takes_is_that_of_its_index_and_not_of_its_prompts(tmp_path: Path) -> None:
    prompt_bytes, count = 20_000, 1_000

    def calls() -> Iterator[Call]:
        for number in range(count):
            yield a_call(f"article-{number:04d}", prompt=f"{number}" * (prompt_bytes // len(str(number))))

    tracemalloc.start()
    [shard] = shards(calls(), tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shard.size > 0.9 * count * prompt_bytes
    assert peak < shard.size / 5


def test_a_batch_knows_a_model_by_its_name_there_and_the_call_keeps_its_key() -> None:
    calls = [a_call(batch_model="luna-in-batches"), a_call("article-02")]
    parts = sharded(calls, Limits(tokens={"luna-in-batches": 1000}))
    assert [(shard.model, shard.ids, shard.tokens > 0) for shard, _ in parts] == [
        ("luna-in-batches", (calls[0].id,), True),
        ("gpt-6-luna", (calls[1].id,), False),
    ]
    assert json.loads(parts[0][1][0])["body"] == {**calls[0].body, "model": "luna-in-batches"}
    assert (calls[0].key, calls[0].id) == (a_call().key, a_call().id)


def test_another_name_in_batches_is_another_upload() -> None:
    named = [a_call(batch_model=name) for name in (None, "one", "other")]
    assert len({key(call) for call in named}) == 3


def test_uploads_are_named_for_their_work_what_it_follows_and_a_run_that_wants_its_own(tmp_path: Path) -> None:
    [shard] = shards([a_call()], tmp_path)
    rest = shard.model_copy(update={"after": "batch_1"})
    other = shard.model_copy(update={"after": "batch_2"})
    names = [shard.filename, shard.filename_for("run-1"), shard.filename_for("run-2"), rest.filename, other.filename]
    assert len(set(names)) == 5
    assert all(re.fullmatch(r"pressrun-[0-9a-f]{32}\.jsonl", name) for name in names)
    assert [shard.is_named_by(name) for name in names] == [True, True, True, False, False]
