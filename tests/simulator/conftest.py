"""One simulator for all tests that do not need one of their own."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from pressrun.simulator import running_simulator
from tests.simulator.driving import connect


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_simulator(tmp_path_factory.mktemp("simulator"), batch_seconds=0.2) as url:
        yield url


@pytest.fixture
def client(base_url: str) -> OpenAI:
    return connect(base_url)
