"""Webhooks over real HTTP, signed by an implementation of our own, so that two agree on what a signature is."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import httpx2
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pressrun.errors import Refused
from pressrun.webhooks import LARGEST_BODY, PATH, Wakeups, create_app
from tests.cli.test_main import pressrun

KEY = b"a key of thirty-two bytes, no less"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BATCH = "batch_6754a1b2c3d4"


def an_event(kind: str = "batch.completed", **data: Any) -> bytes:
    event = {"id": "evt_1", "object": "event", "type": kind, "created_at": int(time()), "data": data or {"id": BATCH}}
    return json.dumps(event).encode()


def signed(payload: bytes, *, delivery: str = "wh_1", key: bytes = KEY, age: int = 0) -> dict[str, str]:
    """Headers as in the Standard Webhooks specification, which OpenAI follows: HMAC-SHA256 of `id.timestamp.body`."""
    timestamp = str(int(time()) - age)
    digest = hmac.new(key, f"{delivery}.{timestamp}.".encode() + payload, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": delivery, "webhook-timestamp": timestamp, "webhook-signature": signature}


@contextmanager
def receiving(wakeups: Wakeups) -> Iterator[str]:
    """The application on a free port; yields the webhook's URL."""
    server = uvicorn.Server(uvicorn.Config(create_app(wakeups, SecretStr(SECRET)), log_config=None, lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def wakeups(tmp_path: Path) -> Wakeups:
    return Wakeups(tmp_path)


@pytest.fixture
def url(wakeups: Wakeups) -> Iterator[str]:
    with receiving(wakeups) as url:
        yield url


def left(wakeups: Wakeups) -> list[str]:
    return sorted(path.name for path in wakeups.folder.glob("*"))


@pytest.mark.parametrize("kind", ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"])
def test_an_event_of_a_batch_ends_the_nap_of_whoever_waits_for_it(kind: str, wakeups: Wakeups, url: str) -> None:
    payload = an_event(kind)
    assert httpx2.post(url, content=payload, headers=signed(payload)).status_code == 200
    began = monotonic()
    assert wakeups.nap(["batch_another", BATCH], seconds=30)
    assert monotonic() - began < 5
    assert left(wakeups) == []


def test_an_event_that_comes_during_the_nap_ends_it(wakeups: Wakeups) -> None:
    threading.Timer(0.2, wakeups.wake, [BATCH]).start()
    began = monotonic()
    assert wakeups.nap([BATCH], seconds=30)
    assert monotonic() - began < 5


def test_a_delivery_that_is_repeated_wakes_nobody_again(wakeups: Wakeups, url: str) -> None:
    payload = an_event()
    for _ in range(2):
        assert httpx2.post(url, content=payload, headers=signed(payload, delivery="wh_same")).status_code == 200
        wakeups.nap([BATCH], seconds=0)
    httpx2.post(url, content=payload, headers=signed(payload, delivery="wh_same"))
    assert left(wakeups) == []
    httpx2.post(url, content=payload, headers=signed(payload, delivery="wh_other"))
    assert left(wakeups) == [BATCH]


def test_only_so_many_deliveries_are_remembered(wakeups: Wakeups, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressrun.webhooks.REMEMBERED", 3)
    payload = an_event()
    for number in range(4):
        httpx2.post(url, content=payload, headers=signed(payload, delivery=f"wh_{number}"))
    wakeups.nap([BATCH], seconds=0)
    httpx2.post(url, content=payload, headers=signed(payload, delivery="wh_1"))
    assert left(wakeups) == []
    httpx2.post(url, content=payload, headers=signed(payload, delivery="wh_0"))
    assert left(wakeups) == [BATCH]


def test_a_wake_up_that_could_not_be_left_is_asked_for_again(wakeups: Wakeups, url: str) -> None:
    payload = an_event()
    wakeups.folder.write_text("in the way")
    assert httpx2.post(url, content=payload, headers=signed(payload)).status_code == 500
    wakeups.folder.unlink()
    assert httpx2.post(url, content=payload, headers=signed(payload)).status_code == 200
    assert left(wakeups) == [BATCH]


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1,\xe9"},
        {"webhook-signature": None},
        {"webhook-id": None},
        {"webhook-id": "wh_another"},
        {"webhook-timestamp": None},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 4_400},
    ],
)
def test_a_delivery_that_is_not_signed_as_it_should_be_is_refused_without_a_reason(
    changes: dict[str, str | None], wakeups: Wakeups, url: str
) -> None:
    payload = an_event()
    headers = {name: value for name, value in {**signed(payload), **changes}.items() if value is not None}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    reply = httpx2.post(url, content=payload, headers=raw)
    assert (reply.status_code, reply.text) == (400, "bad request")
    assert left(wakeups) == []


@pytest.mark.parametrize("age", [301 + 5, -301 - 5])
def test_a_delivery_from_another_time_is_refused(age: int, wakeups: Wakeups, url: str) -> None:
    payload = an_event()
    assert httpx2.post(url, content=payload, headers=signed(payload, age=age)).status_code == 400
    assert left(wakeups) == []


def test_another_key_or_another_body_is_refused(wakeups: Wakeups, url: str) -> None:
    payload = an_event()
    forged = signed(payload, key=b"guessed")
    assert httpx2.post(url, content=payload, headers=forged).status_code == 400
    assert httpx2.post(url, content=an_event(id="batch_other"), headers=signed(payload)).status_code == 400
    assert left(wakeups) == []


@pytest.mark.parametrize("payload", [b"", b"[]", b"not json", b"\xff\xfe", b'{"a":' * 2_000])
def test_a_body_that_is_no_event_is_refused(payload: bytes, url: str) -> None:
    assert httpx2.post(url, content=payload, headers=signed(payload)).status_code == 400


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(is_chunked: bool, url: str) -> None:
    payload = b" " * (LARGEST_BODY + 1)
    content = iter([payload]) if is_chunked else payload
    assert httpx2.post(url, content=content, headers=signed(payload)).status_code == 413


@pytest.mark.parametrize(
    "payload",
    [
        an_event("response.completed"),
        an_event("batch.invented"),
        an_event(id="../../etc/passwd"),
        an_event(id="batch_" + "a" * 101),
        an_event(id="batch_a\n"),
        an_event(id=7),
        an_event(id=None),
        b'{"type": "batch.completed", "data": "batch_1"}',
        b'{"type": ["batch.completed"]}',
    ],
)
def test_a_genuine_event_of_no_use_is_acknowledged_and_ignored(payload: bytes, wakeups: Wakeups, url: str) -> None:
    assert httpx2.post(url, content=payload, headers=signed(payload)).status_code == 200
    assert left(wakeups) == []


def test_there_is_nothing_but_the_one_route(url: str) -> None:
    assert httpx2.get(url).status_code == 405
    assert httpx2.post(url.removesuffix(PATH) + "/", content=b"").status_code == 404


@given(st.text() | st.from_regex(r"batch[-_][A-Za-z0-9_./\\-]+", fullmatch=True))
def test_whatever_an_id_is_it_never_leaves_the_folder(batch_id: str) -> None:
    path = Wakeups(Path("/state"))._path(batch_id)
    if path is not None:
        assert path.parent == Path("/state/wake")
        assert path.resolve().parent == Path("/state/wake")
        assert path.name == batch_id
        assert batch_id.isascii()


def test_a_hostile_id_wakes_nobody_and_is_only_slept_on(wakeups: Wakeups, tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(ValueError):
        wakeups.wake("../precious")
    assert not wakeups.nap(["../precious", "", "batch_a/../../precious"], seconds=0.01)
    assert (tmp_path / "precious").exists()


def test_a_nap_without_the_folder_lasts_as_long_as_it_should(wakeups: Wakeups) -> None:
    began = monotonic()
    assert not wakeups.nap([BATCH], seconds=0.05)
    assert 0.05 <= monotonic() - began < 5
    assert not wakeups.folder.exists()


def test_a_nap_leaves_the_wake_ups_of_other_batches_alone(wakeups: Wakeups) -> None:
    for batch_id in ("batch_1", "batch_2", "batch_3"):
        wakeups.wake(batch_id)
    assert wakeups.nap(["batch_1", "batch_3"], seconds=0)
    assert left(wakeups) == ["batch_2"]


def test_wake_ups_that_nobody_came_for_go_when_the_receiver_starts(wakeups: Wakeups) -> None:
    for batch_id, age_hours in (("batch_old", 49), ("batch_new", 47)):
        wakeups.wake(batch_id)
        os.utime(wakeups.folder / batch_id, (time() - age_hours * 3_600,) * 2)
    with receiving(wakeups):
        assert left(wakeups) == ["batch_new"]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_%%%", "short", "whsec_" + "a" * 21])
def test_a_secret_that_can_verify_nothing_or_anything_is_refused(secret: str, wakeups: Wakeups) -> None:
    with pytest.raises(Refused, match="OPENAI_WEBHOOK_SECRET") as refusal:
        create_app(wakeups, SecretStr(secret))
    assert secret not in str(refusal.value).replace("including whsec_", "")


def test_the_command_refuses_to_start_without_a_secret() -> None:
    ended = pressrun("webhooks")
    assert ended.returncode == 2
    assert "OPENAI_WEBHOOK_SECRET" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_refuses_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = pressrun("webhooks", "--port", str(taken.getsockname()[1]), OPENAI_WEBHOOK_SECRET=SECRET)
    assert ended.returncode == 2
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_says_what_to_enter_and_serves(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {**os.environ, "OPENAI_WEBHOOK_SECRET": SECRET, "PRESSRUN_STATE_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "pressrun", "webhooks", "--port", str(port)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        payload = an_event()
        try:
            await_port(port)
            reply = httpx2.post(f"http://127.0.0.1:{port}{PATH}", content=payload, headers=signed(payload))
        finally:
            running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=20)
    assert (reply.status_code, running.returncode) == (200, 0)
    assert left(Wakeups(tmp_path)) == [BATCH]
    assert PATH in said
    assert all(event in said for event in ("batch.completed", "batch.failed", "batch.expired", "batch.cancelled"))
    assert SECRET not in said


def await_port(port: int) -> None:
    end = monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert monotonic() < end, "the command does not listen"
            sleep(0.05)
        else:
            return
