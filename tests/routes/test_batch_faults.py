"""The batch route against a server with faults and oddities that OpenAI, its imitators and networks have shown."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.errors import BatchLost, BatchRejected, Unreadable
from pressrun.routes.batch import (
    BatchTicket,
    adopt,
    cancel,
    find_batch,
    look,
    look_all,
    may_help,
)
from tests.routes.driving import a_shard, connect, ours, submit
from tests.routes.raw_batches import RawBatches, a_batch
from tests.routes.raw_server import Reply, serving


@pytest.mark.parametrize("retries", [0, 4])
def test_a_batch_whose_creation_was_done_and_whose_answer_was_lost_is_adopted_and_not_created_again(
    retries: int,
) -> None:
    provider, shard = RawBatches(lost_creations=1), a_shard()
    with provider.serving() as server, connect(server.base_url, retries=retries) as client:
        ticket = submit(client, shard, run_id="run-1")
        assert server.counts["POST /v1/batches"] == 1
    assert [batch["id"] for batch in provider.batches] == [ticket.batch_id]
    assert ticket.adopted


def test_a_fresh_run_too_adopts_the_batch_behind_its_lost_answer() -> None:
    provider, shard = RawBatches(lost_creations=1), a_shard()
    provider.batches = [a_batch(99, metadata=ours(shard, flow_run_id="another"), status="completed")]
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, shard, run_id="run-1", fresh=True)
    assert ticket.batch_id == provider.batches[0]["id"]
    assert len(provider.batches) == 2


def test_a_batch_that_the_list_shows_only_later_is_waited_for_and_not_created_again(pauses: list[float]) -> None:
    provider = RawBatches(lost_creations=1, hidden_looks=3)
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, a_shard(), run_id="run-1", list_lag=timedelta(minutes=6))
        assert server.counts["POST /v1/batches"] == 1
    assert [batch["id"] for batch in provider.batches] == [ticket.batch_id]
    assert pauses == [60, 60, 60]


def test_a_batch_that_the_list_does_not_show_is_looked_for_until_the_list_may_lag_no_longer(
    pauses: list[float],
) -> None:
    provider = RawBatches(lost_creations=1, hidden_looks=100)
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, a_shard(), run_id="run-1", list_lag=timedelta(minutes=6))
        assert server.counts["POST /v1/batches"] == 2
    assert pauses == [60] * 6


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b"[", {"data": None}])
def test_when_the_list_cannot_be_read_nothing_is_submitted(body: Any) -> None:
    provider = RawBatches(list_reply=Reply(body))
    with provider.serving() as server, connect(server.base_url) as client:
        with pytest.raises(Unreadable):
            submit(client, a_shard(), run_id="run-1")
        assert server.counts["POST /v1/batches"] == 0


@pytest.mark.parametrize(
    "body",
    [b"<html>OK</html>", b"", {"object": "batch"}, {"id": "x"}, {"error": {"message": "upstream timed out"}}],
)
def test_an_unreadable_answer_to_a_creation_is_followed_by_a_look(body: Any) -> None:
    provider, shard = RawBatches(creation_replies=[Reply(body)]), a_shard()
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, shard, run_id="run-1")
        assert server.counts["POST /v1/batches"] == 1
    assert [batch["id"] for batch in provider.batches] == [ticket.batch_id]


@pytest.mark.parametrize("body", [b"<html>OK</html>", b"", {"object": "batch"}, {"id": "x"}, "created", []])
def test_after_a_creation_that_was_accepted_no_other_is_made_even_if_no_batch_is_found(
    body: Any, pauses: list[float]
) -> None:
    provider = RawBatches(creation_replies=[Reply(body)], hidden_looks=1_000)
    with provider.serving() as server, connect(server.base_url) as client:
        with pytest.raises(BatchLost, match="may run and be billed") as lost:
            submit(client, a_shard(), run_id="run-1", list_lag=timedelta(minutes=6))
        assert server.counts["POST /v1/batches"] == 1
    assert not may_help(lost.value)
    assert pauses == [60] * 6


def test_a_batch_whose_id_is_a_number_is_created_once_and_found_again() -> None:
    shard = a_shard()
    provider = RawBatches(creation_replies=[Reply(a_batch(1, id=100))])
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-1").batch_id == "100"
        assert server.counts["POST /v1/batches"] == 1
    numbered = RawBatches([a_batch(1, id=100, metadata=ours(shard))])
    with numbered.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2").batch_id == "100"


@pytest.mark.parametrize("written", [json.dumps, dict])
def test_a_batch_is_found_by_its_metadata_as_json_text_too(written: Any) -> None:
    shard = a_shard()
    provider = RawBatches([a_batch(1, metadata=written(ours(shard)), input_file_id="file-other")])
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2").batch_id == "batch_1"


def test_a_creation_that_fails_on_the_server_is_tried_again_only_after_a_look() -> None:
    provider = RawBatches(refusals=[Reply({"error": {"message": "Not now."}}, status=500)] * 2)
    with provider.serving() as server, connect(server.base_url, retries=4) as client:
        assert not submit(client, a_shard(), run_id="run-1").adopted
        asked = [f"{one.method} {one.path.partition('?')[0]}" for one in server.asked]
    creations = [place for place, what in enumerate(asked) if what == "POST /v1/batches"]
    assert len(creations) == 3
    for earlier, later in pairwise(creations):
        assert "GET /v1/batches" in asked[earlier:later]


def test_a_creation_that_is_told_to_slow_down_is_not_repeated_behind_our_back() -> None:
    provider = RawBatches(refusals=[Reply({"error": {"message": "Not now."}}, status=429)] * 5)
    with provider.serving() as server, connect(server.base_url, retries=4) as client:
        with pytest.raises(openai.RateLimitError):
            submit(client, a_shard(), run_id="run-1")
        assert server.counts["POST /v1/batches"] == 1


def test_two_runs_of_the_same_work_at_the_same_moment_make_one_batch_and_leave_one_upload() -> None:
    provider, shard, lock = RawBatches(slow_creation=0.2), a_shard(), threading.Lock()

    def run(number: int) -> BatchTicket:
        with connect(server.base_url) as client:
            return submit(client, shard, run_id=f"run-{number}", lock=lock)

    with provider.serving() as server, ThreadPoolExecutor(4) as pool:
        tickets = list(pool.map(run, range(4)))
        assert server.counts["POST /v1/batches"] == 1
    assert {ticket.batch_id for ticket in tickets} == {provider.batches[0]["id"]}
    assert sum(not ticket.adopted for ticket in tickets) == 1


def test_a_batch_whose_result_files_have_expired_is_told_apart_from_one_that_never_was() -> None:
    shard = a_shard()
    provider = RawBatches([a_batch(1, metadata=ours(shard), status="completed", output_file_id="file-gone")])
    with provider.serving() as server, connect(server.base_url) as client:
        assert adopt(client, shard, run_id="run-2") is None
        ticket = submit(client, shard, run_id="run-2")
    assert (ticket.adopted, ticket.replaces) == (False, "batch_1")


@pytest.mark.parametrize("words", ["File file-1 has expired", "No such file.", "The file was deleted"])
def test_a_result_file_that_is_refused_as_expired_is_gone(words: str) -> None:
    shard = a_shard()
    gone = Reply({"error": {"message": words}}, status=400)
    batch = a_batch(1, metadata=ours(shard), status="completed", output_file_id="file-gone")
    provider = RawBatches([batch], contents={"file-gone": gone})
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2").replaces == "batch_1"


def test_what_a_batch_left_over_is_not_taken_for_that_batch() -> None:
    shard = a_shard()
    again = shard.model_copy(update={"after": "batch_1"})
    provider = RawBatches([a_batch(1, metadata=ours(shard), status="expired")])
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, again, run_id="run-1")
        assert not ticket.adopted
        assert submit(client, again, run_id="run-1").batch_id == ticket.batch_id
        assert submit(client, shard, run_id="run-1").batch_id == "batch_1"
    assert provider.batches[0]["metadata"]["pressrun_after"] == "batch_1"


def test_a_refused_creation_says_why_and_deletes_its_upload() -> None:
    refusal = Reply({"error": {"message": "Billing hard limit has been reached", "code": "x"}}, status=400)
    provider = RawBatches(refusals=[refusal])
    with (
        provider.serving() as server,
        connect(server.base_url) as client,
        pytest.raises(BatchRejected, match="Billing hard limit has been reached"),
    ):
        submit(client, a_shard(), run_id="run-1")
    assert provider.deleted == ["file-in"]


def test_a_creation_that_is_told_when_to_come_back_comes_back_then(pauses: list[float]) -> None:
    told = {"error": {"message": "You have too many pending batch files. Please try again in 42s."}}
    provider = RawBatches(refusals=[Reply(told, status=429)] * 3)
    with provider.serving() as server, connect(server.base_url) as client:
        assert not submit(client, a_shard(), run_id="run-1").adopted
    assert pauses == [42] * 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, {"message": "Insufficient credits"}),
        (429, {"message": "Insufficient credits"}),
        (429, {"message": "Insufficient credits", "code": "insufficient_quota"}),
    ],
)
def test_a_bill_that_is_not_paid_is_said_at_once_and_keeps_the_upload(status: int, error: Any) -> None:
    provider = RawBatches(refusals=[Reply({"error": error}, status=status)])
    with (
        provider.serving() as server,
        connect(server.base_url) as client,
        pytest.raises(BatchRejected, match=r"Insufficient credits.*add credit"),
    ):
        submit(client, a_shard(), run_id="run-1")
    assert provider.deleted == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "data", "filename", "error"]), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_any_json_as_a_list_of_files_leads_to_one_batch(body: Any) -> None:
    provider = RawBatches(files_reply=Reply(body))
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, a_shard(), run_id="run-1", list_lag=timedelta(0))
    assert len(provider.batches) == 1


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_any_json_as_the_reply_to_a_creation_never_makes_a_second_batch(body: Any) -> None:
    provider = RawBatches(creation_replies=[Reply(body)])
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, a_shard(), run_id="run-1", list_lag=timedelta(0))
    assert len(provider.batches) == 1


def test_a_new_batch_is_as_old_as_its_request_whatever_its_time_says() -> None:
    provider = RawBatches()
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, a_shard(), run_id="run-1")
    assert abs(ticket.created_at - datetime.now(UTC)) <= timedelta(seconds=130)


def test_a_batch_is_found_on_the_third_page_of_the_list() -> None:
    shard = a_shard()
    strangers = [a_batch(number, metadata={"pressrun_key": "other"}) for number in range(250, 20, -1)]
    provider = RawBatches([*strangers, a_batch(7, metadata=ours(shard)), a_batch(6, metadata=ours(shard))])
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2").batch_id == "batch_7"
        assert server.counts == {"GET /v1/batches": 3}


def test_one_call_serves_many_batches() -> None:
    provider = RawBatches([a_batch(number) for number in range(90, 0, -1)])
    wanted = [f"batch_{number}" for number in range(1, 41)]
    with provider.serving() as server, connect(server.base_url) as client:
        assert sorted(look_all(client, wanted)) == sorted(wanted)
        assert server.counts == {"GET /v1/batches": 1}


def test_what_the_list_lacks_is_asked_for_by_name_and_what_nobody_knows_is_left_out() -> None:
    provider = RawBatches([a_batch(3), a_batch(2), a_batch(1)], hidden_looks=1)
    with provider.serving() as server, connect(server.base_url) as client:
        found = look_all(client, ["batch_1", "batch_3", "batch_9"])
        assert server.counts["GET /v1/batches"] == 1
    assert sorted(found) == ["batch_1", "batch_3"]


def test_a_list_that_never_ends_is_not_followed_for_ever() -> None:
    provider = RawBatches([a_batch(number) for number in range(1_500, 0, -1)])
    with provider.serving() as server, connect(server.base_url) as client:
        assert find_batch(client, a_shard()) is None
        assert server.counts["GET /v1/batches"] == 10


def test_batches_of_others_and_of_another_version_are_left_alone() -> None:
    shard = a_shard()
    batches = [
        a_batch(3),
        a_batch(2, metadata=ours(shard, pressrun_schema="2")),
        a_batch(1, metadata=ours(shard), status="failed"),
    ]
    provider = RawBatches(batches)
    with provider.serving() as server, connect(server.base_url) as client:
        assert find_batch(client, shard) is None


def test_a_lost_answer_to_a_cancellation_is_left_to_the_next_poll() -> None:
    provider = RawBatches([a_batch(1)], lost_cancellations=1)
    with provider.serving() as server, connect(server.base_url) as client:
        cancel(client, "batch_1")
        assert look(client, "batch_1").status == "cancelling"


@pytest.mark.parametrize("status", [403, 405, 422, 501])
def test_a_server_that_cannot_cancel_is_no_reason_to_stop_waiting(status: int) -> None:
    with serving(lambda _asked: Reply({"detail": "no"}, status=status)) as server, connect(server.base_url) as client:
        cancel(client, "batch_1")
        assert server.counts == {"POST /v1/batches/batch_1/cancel": 1}


def test_a_bare_batch_object_is_looked_at_without_counts_or_errors() -> None:
    with RawBatches([a_batch(1, status="scheduling")]).serving() as server, connect(server.base_url) as client:
        view = look(client, "batch_1")
    assert (view.status, view.completed, view.failed, view.total, view.problems) == ("scheduling", 0, 0, 0, ())
    assert not view.is_terminal
