"""The provider's pace, kept by a real Prefect server's limits."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

from pressrun.routes.provider import Provider
from tasks.pace import IMAGES, keep_pace

pytestmark = pytest.mark.usefixtures("prefect_api")

PROVIDER = Provider(base_url="https://api.example.com/v1")
SECONDS = 1.5


@pytest.fixture
def limit() -> Iterator[None]:
    """One image in a second and a half."""
    wanted = GlobalConcurrencyLimitCreate(name=IMAGES, limit=1, slot_decay_per_second=1 / SECONDS)
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(wanted)
        yield
        client.delete_global_concurrency_limit_by_name(IMAGES)


@flow
def asking(provider: Provider, times: int) -> list[float]:
    """When each was let through."""
    moments = []
    for _ in range(times):
        keep_pace(IMAGES, provider)
        moments.append(time.monotonic())
    return moments


def test_with_a_limit_no_two_are_closer_than_it_says(limit: None) -> None:
    moments = asking(PROVIDER, 3)
    assert all(later - earlier > SECONDS * 0.9 for earlier, later in pairwise(moments))


def test_without_a_limit_nothing_is_said_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        assert len(asking(PROVIDER, 3)) == 3
    assert [record for record in caplog.records if "oncurrency" in record.getMessage()] == []


def test_the_built_in_simulator_takes_no_slots(limit: None) -> None:
    asking(PROVIDER.model_copy(update={"simulated": True, "built_in": True}), 3)
    with get_client(sync_client=True) as client:
        assert client.read_global_concurrency_limit_by_name(IMAGES).active_slots == 0
