"""What the tests of the routes share: one simulator for those that need none of their own, and pauses without time."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace

import pytest
from openai import OpenAI

from pressrun.simulator import running_simulator
from tests.routes.driving import connect


@pytest.fixture(scope="package")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_simulator(tmp_path_factory.mktemp("routes"), batch_seconds=0.1) as url:
        yield url


@pytest.fixture
def client(base_url: str) -> Iterator[OpenAI]:
    with connect(base_url) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between looks for a batch, which take no time here."""
    paused: list[float] = []
    time_of_looks = SimpleNamespace(sleep=paused.append, monotonic=lambda: sum(paused))
    # In the package, `submit` is the function.
    monkeypatch.setattr(import_module("pressrun.routes.batch.submit"), "time", time_of_looks)
    return paused


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a test would have waited."""
    waited: list[float] = []
    monkeypatch.setattr("pressrun.routes.realtime.sleep", waited.append)
    return waited
