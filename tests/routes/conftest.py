"""One simulator for the tests of the routes that need none of their own."""

from collections.abc import Iterator

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
