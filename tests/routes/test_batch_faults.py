"""The batch route against a server with faults and oddities that OpenAI, its imitators and networks have shown."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from time import time
from types import SimpleNamespace
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.errors import BatchLost, BatchRejected, PressrunError, Unreadable
from pressrun.routes.batch import (
    BatchTicket,
    BatchView,
    Harvested,
    adopt,
    cancel,
    find_batch,
    harvest,
    look,
    look_all,
    may_help,
)
from pressrun.sharding import Shard
from tests.calls_builder import a_call, a_chat_reply
from tests.routes.driving import a_shard, connect, submit
from tests.routes.raw_batches import RawBatches, a_batch
from tests.routes.raw_server import Reply, serving


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between looks for a batch, which take no time here."""
    paused: list[float] = []
    time_of_looks = SimpleNamespace(sleep=paused.append, monotonic=lambda: sum(paused))
    # In the package, `submit` is the function.
    monkeypatch.setattr(import_module("pressrun.routes.batch.submit"), "time", time_of_looks)
    return paused


def ours(shard: Shard, **changes: str) -> dict[str, str]:
    """The metadata of a batch that does this shard's work."""
    return {"pressrun_key": shard.key, "pressrun_schema": "1", "flow_run_id": "run-1", **changes}


def a_good_line(call_id: str, text: str = "Hello", *, body_as_text: bool = False) -> dict[str, Any]:
    body = a_chat_reply(text)
    return {
        "id": "batch_req_1",
        "custom_id": call_id,
        "response": {"status_code": 200, "body": json.dumps(body) if body_as_text else body},
        "error": None,
    }


def as_file(*lines: dict[str, Any] | bytes) -> Reply:
    """A result file with these lines, its characters not escaped."""
    content = b"".join(
        (line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()) + b"\n" for line in lines
    )
    return Reply(content, content_type="application/octet-stream")


def read(provider: RawBatches, shard: Shard, **batch: Any) -> tuple[BatchView, Harvested]:
    """Look at a batch with these fields, and harvest it."""
    provider.batches = [a_batch(1, **{"status": "completed", **batch})]
    with provider.serving() as server, connect(server.base_url) as client:
        view = look(client, "batch_1")
        return view, harvest(client, view, shard, run_id="run-1")


def texts(harvested: Harvested) -> list[str]:
    return [answer.body["choices"][0]["message"]["content"] for answer in harvested.answers if answer.body]


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


def test_an_upload_that_a_killed_process_left_is_a_sign_to_look_for_as_long_as_the_list_may_lag(
    pauses: list[float],
) -> None:
    shard = a_shard()
    left = {"id": "file-left", "filename": shard.filename, "bytes": shard.size, "created_at": int(time())}
    batch = a_batch(1, metadata=ours(shard), input_file_id="file-left")
    provider = RawBatches([batch], files=[left], hidden_looks=3)
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, shard, run_id="run-2", list_lag=timedelta(hours=1))
        assert server.counts["POST /v1/batches"] == server.counts["POST /v1/files"] == 0
    assert (ticket.batch_id, ticket.adopted, ticket.run_id) == ("batch_1", True, "run-1")
    assert provider.deleted == []


def test_an_old_upload_of_the_same_work_is_used_and_not_sent_again() -> None:
    shard = a_shard()
    left = {"id": "file-left", "filename": shard.filename, "bytes": shard.size, "created_at": int(time()) - 90}
    provider = RawBatches(files=[left])
    with provider.serving() as server, connect(server.base_url) as client:
        assert not submit(client, shard, run_id="run-2", list_lag=timedelta(seconds=60)).adopted
        assert server.counts["POST /v1/files"] == 0
    assert provider.asked_for == ["file-left"]


def test_an_upload_that_is_not_whole_is_not_used() -> None:
    shard = a_shard()
    left = {"id": "file-left", "filename": shard.filename, "bytes": shard.size - 1, "created_at": 0}
    provider = RawBatches(files=[left])
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, shard, run_id="run-2")
    assert provider.asked_for == ["file-in"]


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


@pytest.mark.parametrize(("size", "named"), [(0, "file-left"), (1, "file-left"), (0, {"id": "file-left"})])
def test_a_batch_is_found_by_its_upload_whatever_size_the_list_shows(size: int, named: Any) -> None:
    shard = a_shard()
    provider = RawBatches([a_batch(1, input_file_id=named)], files=[an_upload(shard, bytes=size)])
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2").batch_id == "batch_1"
        assert server.counts["POST /v1/batches"] == 0


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


def uploads(shard: Shard, *, rival_age: float) -> list[dict[str, Any]]:
    """Our own upload, just made, and one of the same work from another machine."""
    about = {"filename": shard.filename, "bytes": shard.size}
    ours = {"id": "file-in", "created_at": int(time()), **about}
    return [ours, {"id": "file-rival", "created_at": int(time() - rival_age), **about}]


def test_of_two_machines_that_upload_at_the_same_moment_the_later_one_waits_for_the_other(
    pauses: list[float],
) -> None:
    shard = a_shard()
    batch = a_batch(1, metadata=ours(shard), input_file_id="file-rival")
    provider = RawBatches([batch], appear_with_upload=uploads(shard, rival_age=1), hidden_looks=3)
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, shard, run_id="run-2", list_lag=timedelta(hours=1))
        assert server.counts["POST /v1/batches"] == 0
    assert (ticket.batch_id, ticket.adopted) == ("batch_1", True)
    assert provider.deleted == ["file-in"]


def test_of_two_machines_that_upload_at_the_same_moment_the_earlier_one_goes_on() -> None:
    shard = a_shard()
    provider = RawBatches(appear_with_upload=uploads(shard, rival_age=-1))
    with provider.serving() as server, connect(server.base_url) as client:
        assert not submit(client, shard, run_id="run-2", list_lag=timedelta(seconds=60)).adopted


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


NOT_VISIBLE = {"message": "Cannot find file file-in, or project p does not have access to it.", "param": "file_id"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": NOT_VISIBLE}, 400),
        ({"error": {"code": "invalidPayload", "message": "The file is not in a processed state: pending."}}, 400),
        ({"detail": "Input file not found"}, 404),
    ],
)
def test_an_upload_that_is_still_processed_is_waited_for(body: Any, status: int, pauses: list[float]) -> None:
    """bespokelabsai/curator#116: the same work, submitted a little later, is taken."""
    provider = RawBatches(refusals=[Reply(body, status=status)] * 5)
    with provider.serving() as server, connect(server.base_url) as client:
        assert not submit(client, a_shard(), run_id="run-1").adopted
        assert server.counts["POST /v1/files"] == 1
    assert pauses == [3] * 5
    assert provider.deleted == []


def test_a_model_that_is_not_there_is_no_file_to_wait_for(pauses: list[float]) -> None:
    words = "The model gpt-4.1 in the input file does not exist."
    provider = RawBatches(refusals=[Reply({"error": {"message": words}}, status=400)])
    with (
        provider.serving() as server,
        connect(server.base_url) as client,
        pytest.raises(BatchRejected, match="Fix the request"),
    ):
        submit(client, a_shard(), run_id="run-1")
    assert pauses == []


def test_an_upload_that_is_never_processed_is_given_up_after_a_minute_with_the_reason_and_kept(
    pauses: list[float],
) -> None:
    provider = RawBatches(refusals=[Reply({"detail": "Input file not found"}, status=404)] * 99)
    with (
        provider.serving() as server,
        connect(server.base_url) as client,
        pytest.raises(BatchRejected, match="Input file not found"),
    ):
        submit(client, a_shard(), run_id="run-1")
    assert sum(pauses) == 60
    assert provider.deleted == []


def an_upload(shard: Shard, *, age: float = 90, **changes: Any) -> dict[str, Any]:
    """One that an earlier process left."""
    about = {"id": "file-left", "filename": shard.filename, "bytes": shard.size, "created_at": int(time() - age)}
    return {**about, **changes}


def test_an_earlier_upload_that_the_provider_does_not_find_is_replaced_once(pauses: list[float]) -> None:
    shard = a_shard()
    provider = RawBatches(files=[an_upload(shard)], refusals=[Reply({"error": NOT_VISIBLE}, status=400)] * 3)
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, shard, run_id="run-2")
        assert server.counts["POST /v1/files"] == 1
    assert provider.asked_for == ["file-in"]
    assert pauses == [3, 3]


def test_an_upload_that_validation_did_not_find_is_not_named_again() -> None:
    shard = a_shard()
    errors = {"object": "list", "data": [{**NOT_VISIBLE, "line": None}]}
    refused = a_batch(1, status="failed", input_file_id="file-left", metadata=ours(shard), errors=errors)
    provider = RawBatches([refused], files=[an_upload(shard)])
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, shard, run_id="run-2")
    assert provider.asked_for == ["file-in"]


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


def test_a_lost_creation_is_found_by_its_upload_where_a_gateway_drops_metadata() -> None:
    provider = RawBatches(lost_creations=1, drops_metadata=True)
    with provider.serving() as server, connect(server.base_url) as client:
        ticket = submit(client, a_shard(), run_id="run-1")
        assert server.counts["POST /v1/batches"] == 1
    assert ([batch["id"] for batch in provider.batches], ticket.adopted) == ([ticket.batch_id], True)
    assert provider.deleted == []


def test_a_later_run_finds_a_batch_by_its_upload_where_a_gateway_drops_metadata() -> None:
    shard = a_shard()
    batch = a_batch(1, status="completed", input_file_id="file-left")
    provider = RawBatches([a_batch(2, status="completed"), batch], files=[an_upload(shard)])
    with provider.serving() as server, connect(server.base_url) as client:
        found = adopt(client, shard, run_id="run-2")
        again = submit(client, shard, run_id="run-2")
        assert server.counts["POST /v1/batches"] == server.counts["POST /v1/files"] == 0
    assert found is not None and (found.batch_id, again.batch_id, again.run_id) == ("batch_1", "batch_1", "run-2")


def test_without_metadata_what_a_batch_left_over_is_not_taken_for_that_batch() -> None:
    shard = a_shard()
    again = shard.model_copy(update={"after": "batch_1"})
    provider = RawBatches([a_batch(1, status="expired", input_file_id="file-left")], files=[an_upload(shard)])
    with provider.serving() as server, connect(server.base_url) as client:
        assert adopt(client, again, run_id="run-1") is None
        assert not submit(client, again, run_id="run-1").adopted
        assert submit(client, shard, run_id="run-1").batch_id == "batch_1"


def test_without_metadata_a_fresh_run_takes_up_its_own_batch_only_and_later_runs_take_up_that() -> None:
    shard = a_shard()
    provider = RawBatches([a_batch(1, status="completed", input_file_id="file-left")], files=[an_upload(shard)])
    provider.drops_metadata = True
    with provider.serving() as server, connect(server.base_url) as client:
        fresh = submit(client, shard, run_id="run-2", fresh=True)
        name = shard.filename_for("run-2")
        provider.files.append(an_upload(shard, id="file-in", filename=name))
        again = submit(client, shard, run_id="run-2", fresh=True)
        later = submit(client, shard, run_id="run-3")
        other = submit(client, shard, run_id="run-4", fresh=True)
    assert (fresh.adopted, again.batch_id, later.batch_id) == (False, fresh.batch_id, fresh.batch_id)
    assert not other.adopted


def test_a_batch_whose_metadata_name_other_work_is_not_taken_by_its_upload() -> None:
    shard = a_shard()
    other = a_batch(1, input_file_id="file-left", metadata=ours(shard, pressrun_after="batch_0"))
    provider = RawBatches([other], files=[an_upload(shard)])
    with provider.serving() as server, connect(server.base_url) as client:
        assert adopt(client, shard, run_id="run-2") is None


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 501])
def test_a_server_that_does_not_list_files_shows_no_sign_of_an_earlier_upload(status: int, pauses: list[float]) -> None:
    provider = RawBatches(files_reply=Reply({"detail": "no"}, status=status))
    with provider.serving() as server, connect(server.base_url) as client:
        assert not submit(client, a_shard(), run_id="run-1", list_lag=timedelta(minutes=6)).adopted
    assert pauses == []


@pytest.mark.parametrize("reply", [Reply(b"<html>"), Reply({"detail": "no"}, status=500), Reply({"error": "no"})])
def test_when_the_list_of_files_fails_a_batch_is_looked_for_as_long_as_the_list_may_lag(
    reply: Reply, pauses: list[float]
) -> None:
    shard = a_shard()
    provider = RawBatches([a_batch(1, metadata=ours(shard))], files_reply=reply, hidden_looks=3)
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2", list_lag=timedelta(minutes=6)).batch_id == "batch_1"
    assert len(pauses) == 2


def test_an_upload_that_is_dated_in_the_future_is_waited_for_no_longer_than_the_list_may_lag(
    pauses: list[float],
) -> None:
    shard = a_shard()
    provider = RawBatches(files=[an_upload(shard, age=-86_400)])
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, shard, run_id="run-2", list_lag=timedelta(seconds=60))
    assert sum(pauses) == pytest.approx(60)


@pytest.mark.parametrize("created_at", ["2026-11-28T10:00:00Z", 1_795_435_200_000, "1795435200", "odd", None, [], {}])
def test_an_upload_is_found_however_its_time_is_written(created_at: Any, pauses: list[float]) -> None:
    shard = a_shard()
    provider = RawBatches(files=[an_upload(shard, created_at=created_at, bytes=str(shard.size))])
    with provider.serving() as server, connect(server.base_url) as client:
        submit(client, shard, run_id="run-2", list_lag=timedelta(seconds=6))
    assert provider.asked_for == ["file-left"]


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


def test_empty_file_ids_mean_no_file() -> None:
    shard = a_shard(a_call())
    provider = RawBatches(contents={"file-out": as_file(a_good_line(shard.ids[0]))})
    view, harvested = read(provider, shard, output_file_id="file-out", error_file_id="")
    assert view.error_file_id is None
    assert texts(harvested) == ["Hello"]


def test_a_completed_batch_without_any_file_leaves_every_call_to_be_asked_again() -> None:
    shard = a_shard()
    _, harvested = read(RawBatches(), shard, output_file_id="", error_file_id=None)
    assert [answer.call_id for answer in harvested.answers] == list(shard.ids)
    assert all(answer.retryable and answer.code == "missing" for answer in harvested.answers)


def test_a_failed_batch_with_an_error_file_is_read_line_by_line() -> None:
    shard = a_shard(a_call())
    line = {"custom_id": shard.ids[0], "error": {"code": "mock_failure", "message": "It failed."}}
    _, harvested = read(
        RawBatches(contents={"file-err": as_file(line)}), shard, status="failed", error_file_id="file-err"
    )
    assert [(answer.code, answer.error) for answer in harvested.answers] == [("mock_failure", "It failed.")]


def test_a_body_may_come_as_json_text() -> None:
    shard = a_shard(a_call())
    line = a_good_line(shard.ids[0], "As text", body_as_text=True)
    _, harvested = read(RawBatches(contents={"file-out": as_file(line)}), shard, output_file_id="file-out")
    assert texts(harvested) == ["As text"]


def test_only_a_line_feed_ends_a_line() -> None:
    """JSON allows these unescaped within a string; Python's own idea of lines would cut an answer in two."""
    shard = a_shard()
    text = "one\u2028two\u2029three\x85four"
    lines = [a_good_line(call_id, text) for call_id in shard.ids]
    _, harvested = read(RawBatches(contents={"file-out": as_file(*lines)}), shard, output_file_id="file-out")
    assert harvested.account.strays == 0
    assert texts(harvested) == [text, text]


def test_lines_longer_than_the_pieces_they_come_in_are_put_together() -> None:
    shard = a_shard()
    lines = [a_good_line(call_id, "圖" * 200_000) for call_id in shard.ids]
    content = as_file(*lines).content.removesuffix(b"\n").replace(b"\n", b"\r\n\n")
    provider = RawBatches(contents={"file-out": Reply(content, content_type="text/plain; charset=iso-8859-1")})
    _, harvested = read(provider, shard, output_file_id="file-out")
    assert harvested.account.strays == 0
    assert texts(harvested) == ["圖" * 200_000] * 2


def test_a_cut_emoji_can_be_stored() -> None:
    shard = a_shard(a_call())
    line = json.dumps(a_good_line(shard.ids[0], "\U0001f35e and \ud83c")).encode()
    _, harvested = read(RawBatches(contents={"file-out": as_file(line)}), shard, output_file_id="file-out")
    assert texts(harvested) == ["\U0001f35e and \ufffd"]
    assert Harvested.model_validate_json(harvested.model_dump_json()) == harvested


def test_strangers_doubles_and_garbage_are_counted() -> None:
    shard = a_shard()
    first, second = (a_good_line(call_id) for call_id in shard.ids)
    lines = as_file(first, b"<html>", first, a_good_line("stranger"), b"", second, b'{"custom_id": "cut')
    _, harvested = read(RawBatches(contents={"file-out": lines}), shard, output_file_id="file-out")
    assert (texts(harvested), harvested.account.strays) == (["Hello", "Hello"], 4)


def test_a_result_file_that_is_gone_is_said_and_not_taken_for_empty() -> None:
    with pytest.raises(PressrunError, match=r"result file of batch batch_1 .*HTTP 404"):
        read(RawBatches(), a_shard(), output_file_id="file-gone")


def test_a_download_that_breaks_off_is_not_taken_for_the_whole_file() -> None:
    shard = a_shard()
    content = as_file(a_good_line(shard.ids[0])).content
    provider = RawBatches(contents={"file-out": Reply(content, content_type="application/octet-stream", missing=100)})
    with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
        read(provider, shard, output_file_id="file-out")


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
