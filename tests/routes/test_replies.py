"""Lists in every form that servers give them: read to their end, and never for ever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.errors import Unreadable
from pressrun.routes.batch import look
from pressrun.routes.replies import pages, read_reply
from tests.routes.driving import connect
from tests.routes.raw_batches import a_batch
from tests.routes.raw_server import Asked, Reply, serving

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "data", "has_more", "last_id"]), inner),
    max_leaves=10,
)


def read(answer: Callable[[Asked], Reply], size: int = 100) -> tuple[list[str], int]:
    """The ids of a list, and how many requests it took."""
    with serving(answer) as server, connect(server.base_url) as client:
        ids = [record["id"] for page in pages(client, "/batches", size) for record in page.records]
        return ids, len(server.asked)


def a_server(count: int, *, size: int | None = None, **fields: Any) -> Callable[[Asked], Reply]:
    """One with so many batches in pages of its own `size`, and these fields instead of `has_more`."""
    ids = [f"batch_{number}" for number in range(count)]

    def answer(asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)
        start = ids.index(query["after"][0].removeprefix("cursor-")) + 1 if "after" in query else 0
        end = start + (size or int(query["limit"][0]))
        page = [{"id": batch_id} for batch_id in ids[start:end]]
        return Reply({"object": "list", "data": page, **fields})

    return answer


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (19, 2), (100, 2), (250, 4)])
def test_a_list_without_has_more_goes_on_until_a_page_brings_nothing_new(count: int, requests: int) -> None:
    ids, asked = read(a_server(count))
    assert (len(ids), asked) == (count, requests)


def test_a_server_that_ignores_the_limit_is_read_to_the_end() -> None:
    for size in (5, 20):
        assert read(a_server(50, size=size))[0] == [f"batch_{number}" for number in range(50)]


def test_a_list_without_has_more_is_known_to_be_read_to_its_end() -> None:
    with serving(a_server(3)) as server, connect(server.base_url) as client:
        assert [page.is_last for page in pages(client, "/batches", 100)] == [False, True]


def test_a_bare_list_is_a_list() -> None:
    assert read(lambda _asked: Reply([{"id": "batch_1"}, {"id": "batch_2"}])) == (["batch_1", "batch_2"], 2)
    assert read(lambda _asked: Reply(b"\n[]")) == ([], 1)


def test_ids_that_are_numbers_are_read_as_text() -> None:
    data = [{"id": 7}, {"id": "batch_1"}, {"id": 7}]
    assert read(lambda _asked: Reply({"data": data, "has_more": False})) == (["7", "batch_1"], 1)


def test_a_server_that_ignores_the_cursor_is_asked_once_more() -> None:
    ids, asked = read(lambda _asked: a_server(100)(Asked("GET", "/v1/batches?limit=100", b"")))
    assert (len(ids), asked) == (100, 2)


def test_a_cursor_of_the_servers_own_is_used() -> None:
    asked_for: list[str] = []

    def answer(asked: Asked) -> Reply:
        asked_for.append(urlsplit(asked.path).query)
        last = len(asked_for) == 2
        return Reply({"data": [{"id": f"batch_{len(asked_for)}"}], "has_more": not last, "last_id": "a cursor&more"})

    assert read(answer)[0] == ["batch_1", "batch_2"]
    assert asked_for[1] == "limit=100&after=a%20cursor%26more"


@pytest.mark.parametrize("body", [{"object": "list", "data": None}, {"data": None, "has_more": False}, {"data": []}])
def test_a_list_of_null_is_empty(body: Any) -> None:
    assert read(lambda _asked: Reply(body)) == ([], 1)


@pytest.mark.parametrize(
    "body",
    [{"data": None}, {"data": "none"}, {}, b"[", b"<html>", b"", {"error": {"message": "No."}}, {"data": {"a": 1}}],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(Unreadable):
        read(lambda _asked: Reply(body))


def test_records_that_are_none_harm_only_themselves() -> None:
    data = [None, 3, {"id": ""}, {"id": "batch_1"}, {"status": "completed"}, {"id": "batch_2"}]
    assert read(lambda _asked: Reply({"data": data}))[0] == ["batch_1", "batch_2"]


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=4))
def test_any_json_as_pages_comes_to_an_end(bodies: list[Any]) -> None:
    turn = iter(range(10_000))
    with serving(lambda _asked: Reply(bodies[next(turn) % len(bodies)])) as server, connect(server.base_url) as client:
        try:
            for _ in pages(client, "/batches", 2):
                pass
        except Unreadable:
            pass
        assert len(server.asked) <= len(bodies) + 10


def test_an_error_with_a_status_of_success_is_quoted() -> None:
    body = {"error": {"message": "upstream timed out"}}
    with (
        serving(lambda _asked: Reply(body)) as server,
        connect(server.base_url) as client,
        pytest.raises(Unreadable, match="error with HTTP 200: upstream timed out"),
    ):
        look(client, "batch_1")


def reply_of(**headers: str) -> timedelta:
    return read_reply(httpx2.Response(200, headers=headers, json={"id": "x"})).ahead


def test_a_clock_is_compared_by_the_date_and_small_differences_are_none() -> None:
    form = "%a, %d %b %Y %H:%M:%S GMT"
    now = datetime.now(UTC)
    assert reply_of() == reply_of(date=f"{now:{form}}") == reply_of(date="yesterday") == timedelta(0)
    ahead = reply_of(date=f"{now + timedelta(hours=3):{form}}")
    assert abs(ahead - timedelta(hours=3)) < timedelta(minutes=1)


def test_times_of_a_provider_with_a_fast_clock_are_by_ours() -> None:
    form = "%a, %d %b %Y %H:%M:%S GMT"
    theirs = datetime.now(UTC) + timedelta(hours=3)
    batch = a_batch(1, created_at=int(theirs.timestamp()))
    dated = Reply(batch, content_type=f"application/json\r\nDate: {theirs:{form}}")
    with serving(lambda _asked: dated) as server, connect(server.base_url) as client:
        view = look(client, "batch_1")
    assert view.created_at and abs(view.created_at - datetime.now(UTC)) < timedelta(minutes=1)
