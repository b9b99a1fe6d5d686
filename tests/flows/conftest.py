"""What the tests of the flows share."""

from collections.abc import Iterator
from importlib import import_module

import pytest

from tasks.answers import answer_now
from tasks.batches import collect_answers
from tasks.delivery import deliver
from tests.flows.meddler import Meddler, meddling
from tests.provider import Server


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once."""
    for task in (answer_now, collect_answers, deliver):
        monkeypatch.setattr(task, "retry_delay_seconds", 0)
    # In the package, `harvest` is the function.
    harvest = import_module("pressrun.routes.batch.harvest")
    monkeypatch.setattr(harvest, "PAUSES", (0,) * len(harvest.PAUSES))


@pytest.fixture
def provider(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meddler]:
    """A proxy in front of the test's simulator, healthy until it is told otherwise."""
    with meddling(server.base_url) as meddler:
        monkeypatch.setenv("OPENAI_BASE_URL", meddler.base_url)
        monkeypatch.setenv("PRESSRUN_REALTIME_RETRIES", "0")
        yield meddler
