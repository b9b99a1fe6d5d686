"""Which batches go with a cancelled run: its own, while nobody else may be waiting for them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pressrun.cancelling import in_progress_of, is_shared, say_cancelled
from pressrun.routes.batch import BatchView

RUN, OTHER = "run-1", "run-2"


def a_batch(status: str = "in_progress", *, run: str = RUN, sites: str = "bakery,tailor", **more: Any) -> BatchView:
    metadata = {"flow_run_id": run, "sites": sites}
    return BatchView(batch_id="batch_1", status=status, created_at=datetime.now(UTC), metadata=metadata, **more)


@pytest.mark.parametrize(
    ("status", "is_stopped"),
    [
        ("validating", True),
        ("in_progress", True),
        ("finalizing", True),
        ("scheduling", True),
        ("cancelling", False),
        ("completed", False),
        ("failed", False),
        ("expired", False),
        ("cancelled", False),
    ],
)
def test_a_batch_that_has_not_ended_is_stopped_once(status: str, is_stopped: bool) -> None:
    assert bool(in_progress_of(RUN, [a_batch(status)])) is is_stopped


def test_a_batch_that_a_run_only_adopted_is_not_its_own() -> None:
    foreign = BatchView(batch_id="batch_2", status="in_progress", created_at=datetime.now(UTC))
    assert in_progress_of(RUN, [a_batch(run=OTHER), foreign]) == []


def test_of_a_fleets_batches_a_site_has_only_the_one_that_nobody_shares() -> None:
    merged, own = a_batch(sites="bakery,tailor"), a_batch(sites="tailor")
    assert in_progress_of(RUN, [merged, own], site="tailor") == [own]
    assert in_progress_of(RUN, [merged, own]) == [merged, own]


def test_a_batch_is_shared_with_whoever_is_suspended_for_it_or_makes_its_only_site() -> None:
    assert is_shared(a_batch(), awaited=["batch_1"], sites_under_way=[])
    assert is_shared(a_batch(sites="tailor"), awaited=[], sites_under_way={"tailor"})
    assert not is_shared(a_batch(sites="tailor"), awaited=["batch_2"], sites_under_way={"bakery"})
    assert not is_shared(a_batch(sites="bakery,tailor"), awaited=[], sites_under_way={"tailor"})


def test_a_person_is_told_what_is_kept_and_what_to_do_when_nobody_heard() -> None:
    assert "3 of 8 answers were finished" in say_cancelled(a_batch("cancelling", completed=3, total=8))
    assert "pressrun batches cancel batch_1" in say_cancelled(a_batch("in_progress", completed=3, total=8))
