"""A provider that repeats the key in its errors: in the body, in a header and as text."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_HOME

from flows.build_site import build_site
from pressrun import untrusted
from tests.builders import a_brief
from tests.patience import request
from tests.provider import Server
from tests.routes.raw_server import Asked, Reply, serving

pytestmark = pytest.mark.usefixtures("prefect_api")

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
"""As Azure's: nothing about it looks like a key."""
ECHOES = {
    "body": Reply({"error": {"message": f"Incorrect API key \x1b[31m{KEY}\x00", "code": KEY, "type": f"no_{KEY}"}}),
    "text": Reply(f"the key {KEY} is not known".encode(), content_type="text/plain"),
    "detail": Reply({"detail": [{"msg": f"Bearer {KEY}", "input": {KEY: KEY}}]}),
    "header": Reply({"error": {"message": "no"}}, content_type=f"application/json; key={KEY}"),
}


@contextmanager
def echoing(server: Server, path: str, echo: str, status: int) -> Iterator[str]:
    """The simulator behind something that fails what is sent to `path`."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST" and asked.path.endswith(path):
            reply = ECHOES[echo]
            return Reply(reply.body, status=status, content_type=reply.content_type)
        passed = request(
            asked.method,
            server.base_url.removesuffix("/v1") + asked.path,
            content=asked.body,
            headers={"content-type": asked.headers.get("Content-Type", ""), "authorization": "Bearer sk-test"},
        )
        return Reply(passed.content, status=passed.status_code, content_type=passed.headers["content-type"])

    with serving(answer) as front:
        yield front.base_url


def files_with_the_key(*folders: Path) -> list[Path]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 1
    return [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("path", "status", "echo"),
    [
        ("images/generations", 400, "body"),
        ("images/generations", 401, "detail"),
        ("images/generations", 429, "text"),
        ("images/generations", 500, "header"),
        ("/batches", 400, "body"),
        ("/files", 401, "body"),
    ],
)
def test_a_key_that_the_provider_repeats_is_in_nothing_that_a_run_leaves_behind(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: Any, path: str, status: int, echo: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PRESSRUN_REALTIME_RETRIES", "0")
    monkeypatch.setenv("PRESSRUN_STATE_DIR", str(tmp_path / "state"))
    with echoing(server, path, echo, status) as base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        state = build_site(brief=a_brief(image_count=1), out=str(tmp_path / "out"), poll_seconds=0.1, return_state=True)
    assert state.is_failed()
    assert KEY not in state.message
    assert state.message.isprintable()
    assert files_with_the_key(tmp_path / "state", tmp_path / "out", PREFECT_HOME.value()) == []
    assert KEY not in "".join(capfd.readouterr())


def test_an_error_that_nobody_expected_ends_the_run_in_words_and_without_the_key(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(f"Illegal header value b'Bearer {KEY}'\x00")

    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr(untrusted, "_hidden", {KEY})
    monkeypatch.setattr("flows.build_site.deliver_site", fail)
    state = build_site(brief=a_brief(image_count=1), out=str(tmp_path / "out"), poll_seconds=0.1, return_state=True)
    assert (state.name, state.is_failed()) == ("Failed", True)
    assert state.message == (
        "An unexpected error ended the run (ValueError: Illegal header value b'Bearer [hidden]'). Everything paid for "
        "is kept. Run again to continue from here."
    )
    assert KEY not in "".join(capfd.readouterr())
