"""A project at a provider, and `pressrun batches` given in its environment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import OpenAI
from openai.types import Batch
from typer.testing import CliRunner, Result

from pressrun.cli.main import application
from pressrun.simulator import running_simulator
from tests.simulator.driving import a_line, connect

__all__ = ["KEY", "OLD_NAME", "OURS", "Project", "at", "simulated"]

KEY = "ab" * 32
OURS = f"pressrun-{KEY[:32]}.jsonl"
OLD_NAME = f"{KEY[:16]}.jsonl"


@dataclass
class Project:
    """A project at the provider, and the command given in its environment."""

    base_url: str
    client: OpenAI

    def run(self, *arguments: str, answer: str = "", key: str = "sk-test-of-batches") -> Result:
        env = {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": key, "COLUMNS": "160"}
        ended = CliRunner().invoke(application("batches"), ["batches", *arguments], input=answer, env=env)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        assert "sk-test-of-batches" not in ended.output
        return ended

    def upload(self, *lines: dict[str, Any], name: str = OURS) -> str:
        content = "".join(f"{json.dumps(line)}\n" for line in lines or (a_line(),)).encode()
        return self.client.files.create(file=(name, content), purpose="batch").id

    def batch(
        self, *lines: dict[str, Any], site: str = "bakery", run: str = "run-1", ours: bool = True, name: str = OURS
    ) -> Batch:
        metadata = {"pressrun_key": KEY, "pressrun_schema": "1", "flow_run_id": run, "sites": site} if ours else {}
        file_id = self.upload(*lines, name=name)
        return self.client.batches.create(
            input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata
        )

    def files(self) -> set[str]:
        return {file.id for file in self.client.files.list()}


@contextmanager
def at(base_url: str) -> Iterator[Project]:
    with connect(base_url) as client:
        yield Project(base_url, client)


@contextmanager
def simulated(folder: Path, *, batch_seconds: float) -> Iterator[Project]:
    """A project at a simulator."""
    with running_simulator(folder, batch_seconds=batch_seconds) as url, at(url) as project:
        yield project
