"""Before anything imports prefect: a home of its own for the session, and no telemetry."""

import os
import tempfile
from collections.abc import Iterator

import pytest

os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="pressrun-tests-")
os.environ["PRESSRUN_STATE_DIR"] = tempfile.mkdtemp(prefix="pressrun-state-")
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
# The list of a simulator does not lag, unless a test has it lag.
os.environ["PRESSRUN_LIST_LAG"] = "0.5"
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PREFECT_API_URL"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """A real Prefect API, for the session."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300):
        yield
