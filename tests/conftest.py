"""Before anything imports prefect: a home of its own for each worker of the tests, and no telemetry."""

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from pressrun.simulator import running_simulator
from tests.patience import HANG
from tests.ports import new_port
from tests.prefect_database import copy_database
from tests.provider import Server
from tests.simulator.clock import Clock, set_clock

os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="pressrun-tests-")
os.environ["PRESSRUN_STATE_DIR"] = tempfile.mkdtemp(prefix="pressrun-state-")
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
os.environ["PREFECT_API_REQUEST_TIMEOUT"] = str(HANG)
# Events are there at once; by default the server keeps them to itself for up to 5 seconds.
os.environ["PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL"] = "0.1"
# A simulator's list does not lag, unless a test makes it.
os.environ["PRESSRUN_LIST_LAG"] = "0.5"
LOGINS = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PREFECT_API_URL", *LOGINS):
    os.environ.pop(name, None)

TESTS = Path(__file__).parent
SLOW = {"benchmarks", "browser", "fuzz", "live"}
"""Folders of what `make test` leaves to `make test-all`."""
SHARE = 0.15
"""Of the time of all quick tests: what a file that takes more is told of, because it may belong elsewhere."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in SLOW:
            item.add_marker("slow")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Every test is given to the next free worker, but what a file starts once is started by one worker only."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _starts_something_once(file) else nodeid


@cache
def _starts_something_once(file: str) -> bool:
    """Whether a file has fixtures of its own that last for all its tests, such as a server with a worker."""
    return 'scope="module"' in (TESTS.parent / file).read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the files of quick tests that take more than their share; a share is the same on a slow machine."""
    seconds: Counter[str] = Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport) and "slow" not in report.keywords:
            seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) > 1 / SHARE:
        for file, time in seconds.items():
            if time > SHARE * seconds.total():
                terminalreporter.write_line(f"{file} takes {time / seconds.total():.0%} of the quick tests' time")


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """A real Prefect API, for all tests of a worker.

    Runs send no heartbeats: Prefect ends a run that does with a pause of up to a second.
    """
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from pressrun.cli.prefect_server import prefect_server
    from pressrun.settings import Settings

    copy_database(Path(os.environ["PREFECT_HOME"]))
    with (
        prefect_server(Settings()),
        temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        _temporary_global_settings_context(get_settings_context()),
    ):
        yield


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A simulator; `@pytest.mark.parametrize("server", [seconds], indirect=True)` says how long its batches take."""
    seconds = getattr(request, "param", 0.5)
    with running_simulator(tmp_path / "provider", batch_seconds=seconds, port=new_port()) as base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield Server(base_url)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the test's simulators: what they do is not a matter of how fast the test is."""
    clock = Clock()
    set_clock(monkeypatch, clock)
    return clock
