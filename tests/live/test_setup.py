"""`prefect deploy`, as setting up a server uses it: what is deployed, and that nothing is changed by doing it again."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client

from pressrun.settings import Settings
from tasks.setup import set_up
from tests.live.installation import ROOT

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Other tests of the same server find no deployments, even after a failure."""
    yield
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)


def test_the_first_time_makes_everything_and_the_second_time_nothing() -> None:
    first, second = ({one.what: one.verb for one in set_up(Settings(), ROOT)} for _ in range(2))
    for what in ("work pool pressrun (process)", "deployment build-site/on-demand"):
        assert (first[what], second[what]) == ("created", "unchanged")
    assert set(second.values()) == {"unchanged", "not set"}
