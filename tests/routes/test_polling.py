"""One look at several batches: a failure concerns the batch that it is about, and no other."""

from datetime import UTC, datetime, timedelta

import pytest

from pressrun.routes.batch import BatchWatch, look_all, look_watched
from tests.routes.driving import connect
from tests.routes.raw_batches import RawBatches, a_batch
from tests.routes.raw_server import Reply

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("failing", [Reply({"error": {"message": "list timed out"}}), Reply({}, status=500)])
def test_when_the_list_fails_batches_are_asked_for_by_id(failing: Reply) -> None:
    provider = RawBatches([a_batch(2), a_batch(1)], list_reply=failing)
    with provider.serving() as server, connect(server.base_url) as client:
        assert sorted(look_all(client, ["batch_1", "batch_2"])) == ["batch_1", "batch_2"]


def test_an_odd_reply_about_one_batch_harms_no_other() -> None:
    provider = RawBatches([a_batch(2, status=None), a_batch(1)])
    deadline = datetime.now(UTC) + timedelta(days=1)
    watches = {
        batch_id: BatchWatch(deadline=deadline, first=SECOND, longest=SECOND) for batch_id in ("batch_1", "batch_2")
    }
    with provider.serving() as server, connect(server.base_url) as client:
        views, decisions = look_watched(client, watches)
        statuses = {batch_id: view.status for batch_id, view in look_all(client, watches).items()}
    assert statuses == {"batch_1": "in_progress", "batch_2": "unknown"}
    assert list(views) == ["batch_1"]
    assert "failed poll" in str(decisions["batch_2"].text)
    assert decisions["batch_1"].text is None
