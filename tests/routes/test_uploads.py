"""What uploads tell about earlier submissions, and what becomes of an upload that the provider does not find."""

from datetime import timedelta
from time import time
from typing import Any

import pytest

from pressrun.errors import BatchRejected
from pressrun.routes.batch import (
    adopt,
)
from pressrun.sharding import Shard
from tests.routes.driving import a_shard, connect, ours, submit
from tests.routes.raw_batches import RawBatches, a_batch
from tests.routes.raw_server import Reply


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


@pytest.mark.parametrize(("size", "named"), [(0, "file-left"), (1, "file-left"), (0, {"id": "file-left"})])
def test_a_batch_is_found_by_its_upload_whatever_size_the_list_shows(size: int, named: Any) -> None:
    shard = a_shard()
    provider = RawBatches([a_batch(1, input_file_id=named)], files=[an_upload(shard, bytes=size)])
    with provider.serving() as server, connect(server.base_url) as client:
        assert submit(client, shard, run_id="run-2").batch_id == "batch_1"
        assert server.counts["POST /v1/batches"] == 0


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
