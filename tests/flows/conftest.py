"""What the tests of the flows share."""

from collections.abc import Iterator

import pytest

from tests.flows.meddler import Meddler, meddling
from tests.provider import Server


@pytest.fixture
def provider(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meddler]:
    """A proxy in front of the test's simulator, healthy until it is told otherwise."""
    with meddling(server.base_url) as meddler:
        monkeypatch.setenv("OPENAI_BASE_URL", meddler.base_url)
        monkeypatch.setenv("PRESSRUN_REALTIME_RETRIES", "0")
        yield meddler
