"""Webhooks of the provider, as wake-ups for runs that wait for a batch.

Invariant: an event never sets the state of a batch: it only ends a pause early, and the poller then checks for itself.
So a forged, repeated, late or lost event costs at most one poll. Nothing in an event becomes a path unless it is a
valid batch id.

A wake-up is passed between processes as an empty file, `<state_dir>/wake/<batch_id>`. Suspended runs have no process to
find it; for them, the collector is started, see `receive`.
"""

import re
import socket
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import uvicorn
from openai import InvalidWebhookSignatureError, OpenAI
from pydantic import SecretStr
from rich.console import Console
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pressrun.errors import Refused
from pressrun.private import private_folder
from pressrun.settings import Settings
from pressrun.wire import read_json

__all__ = ["EVENTS", "PATH", "Wakeups", "create_app", "receive"]

PATH = "/webhooks/openai"
EVENTS = ("batch.completed", "batch.failed", "batch.expired", "batch.cancelled")
BATCH_ID = re.compile(r"batch[-_][A-Za-z0-9_-]{1,100}")
LARGEST_BODY = 64 * 1024
"""Bytes; a batch event has about 200."""
REMEMBERED = 1_000
"""Deliveries whose ids are remembered, so that a repeated one has no effect."""
STALE = timedelta(days=2)
"""A batch ends within a day, so no run waits for an older wake-up."""
LOOK_AGAIN = 1.0
"""Seconds between two checks for a file."""
SHORTEST_SECRET = 16
"""Characters after `whsec_`. With an empty secret, anyone could sign."""


@dataclass(frozen=True)
class Wakeups:
    """The wake-ups of one state directory: the receiver leaves them, a poller finds them."""

    state_dir: Path

    @property
    def folder(self) -> Path:
        return self.state_dir / "wake"

    def wake(self, batch_id: str) -> None:
        """Leave a wake-up. Raises `ValueError` for an invalid batch id, `OSError` when it cannot be written."""
        path = self._path(batch_id)
        if path is None:
            raise ValueError("not the id of a batch")
        private_folder(self.folder)
        path.touch(0o600)

    def nap(self, batch_ids: Iterable[str], seconds: float) -> bool:
        """Sleep for up to `seconds`; returns True early when there is a wake-up for one of the batches, and removes it.

        Never raises: without the folder, or with invalid ids, it just sleeps.
        """
        paths = [path for batch_id in batch_ids if (path := self._path(batch_id))]
        end = monotonic() + seconds
        while True:
            # Remove all of them: one poll covers them all.
            if sum(map(_taken, paths)):
                return True
            left = end - monotonic()
            if left <= 0:
                return False
            sleep(min(LOOK_AGAIN, left) if paths else left)

    def sweep(self) -> int:
        """Remove stale wake-ups, and return how many."""
        oldest = time() - STALE.total_seconds()
        return sum(_is_older(path, oldest) and _taken(path) for path in self.folder.glob("batch*"))

    def _path(self, batch_id: str) -> Path | None:
        """The file for a batch, or None for an invalid id, which must not become a path."""
        return self.folder / batch_id if BATCH_ID.fullmatch(batch_id) else None


def _taken(path: Path) -> bool:
    """Whether this call removed the file; of two concurrent calls, one succeeds."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _is_older(path: Path, oldest: float) -> bool:
    try:
        return path.stat().st_mtime < oldest
    except OSError:
        return False


@dataclass
class Receiver:
    """Handles deliveries: verifies them, drops repeats, wakes runs."""

    wake: Callable[[str], None]
    secret: SecretStr
    seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """`webhook-id` of recent deliveries, oldest first."""

    def __post_init__(self) -> None:
        # Used only for verification; it never sends anything.
        self._client = OpenAI(api_key="unused", webhook_secret=self.secret.get_secret_value())

    async def receive(self, request: Request) -> Response:
        """Answer one delivery; an irrelevant event is acknowledged too, or it would be redelivered for days."""
        payload = await _body(request)
        if payload is None:
            return PlainTextResponse("too large", 413)
        event = read_json(payload) if self._is_genuine(payload, request) else None
        if event is None:
            return PlainTextResponse("bad request", 400)
        batch_id = _batch_of(event)
        delivery = request.headers["webhook-id"]
        if batch_id and delivery not in self.seen:
            await run_in_threadpool(self.wake, batch_id)
            self._remember(delivery)
        return PlainTextResponse("ok")

    def _is_genuine(self, payload: bytes, request: Request) -> bool:
        """Verified by the SDK, which raises `ValueError` for a missing header and `TypeError` for non-ASCII text."""
        try:
            self._client.webhooks.verify_signature(payload, request.headers)
        except (InvalidWebhookSignatureError, ValueError, TypeError):
            return False
        return True

    def _remember(self, delivery: str) -> None:
        """Called only after the wake-up was left: if that failed, a redelivery is useful."""
        self.seen[delivery] = None
        while len(self.seen) > REMEMBERED:
            self.seen.popitem(last=False)


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is too large; the rest is then not read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _batch_of(event: dict[str, Any]) -> str | None:
    """The id of the batch that an event is about, or None when it is about something else."""
    data = event.get("data")
    batch_id = data.get("id") if isinstance(data, dict) else None
    is_ours = event.get("type") in EVENTS and isinstance(batch_id, str) and BATCH_ID.fullmatch(batch_id)
    return batch_id if is_ours else None


def create_app(wakeups: Wakeups, secret: SecretStr, collect: Callable[[str], object] | None = None) -> Starlette:
    """The receiver as an application with one route, `POST /webhooks/openai`. Raises `Refused` for an invalid secret.

    `collect` starts the collector for suspended runs; it receives the batch id, and is called by one thread at a time.
    """
    _check_secret(secret)
    one_at_a_time = threading.Lock()

    def wake(batch_id: str) -> None:
        wakeups.wake(batch_id)
        if collect:
            with one_at_a_time:
                collect(batch_id)

    receiver = Receiver(wake, secret)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(wakeups.sweep)
        yield

    return Starlette(
        routes=[Route(PATH, receiver.receive, methods=["POST"])],
        lifespan=lifespan,
        exception_handlers={ClientDisconnect: _gone},
    )


async def _gone(_request: Request, _error: Exception) -> Response:
    """Nobody will read this: the sender disconnected before sending the whole body."""
    return PlainTextResponse("bad request", 400)


def _check_secret(secret: SecretStr) -> None:
    """An invalid secret would refuse every event; one that is too short would accept forgeries."""
    text = secret.get_secret_value()
    headers = {"webhook-id": "wh", "webhook-timestamp": str(int(time())), "webhook-signature": "v1,none"}
    try:
        OpenAI(api_key="unused").webhooks.verify_signature(b"", headers, secret=text)
    except InvalidWebhookSignatureError:
        if len(text.removeprefix("whsec_")) >= SHORTEST_SECRET:
            return
    except ValueError:
        pass
    raise Refused(
        "OPENAI_WEBHOOK_SECRET is not a valid signing secret. Copy the whole secret, including whsec_, that OpenAI "
        "showed when the webhook was created. If it is lost, create a new one there."
    )


def receive(
    settings: Settings, host: str, port: int, console: Console, collect: Callable[[str], object] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. Raises `Refused` when it cannot start.

    `collect` as for `create_app`; None without a Prefect server.
    """
    if settings.openai_webhook_secret is None:
        raise Refused(
            "There is no signing secret: set OPENAI_WEBHOOK_SECRET to the secret that OpenAI shows when a webhook is "
            "created (it begins with whsec_). Webhooks are optional: without them, waiting runs poll."
        )
    app = create_app(Wakeups(settings.state_dir), settings.openai_webhook_secret, collect)
    config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=2, lifespan="on")
    with _listening(host, port) as listener:
        console.print(
            _welcome(settings, host, port, collects=collect is not None), highlight=False, markup=False, soft_wrap=True
        )
        with suppress(KeyboardInterrupt):  # uvicorn passes a Ctrl-C on when it has stopped
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Refused(
            f"Cannot listen on port {port} of {host}: {error.strerror}. Choose another port with --port (or --host)."
        ) from None


def _welcome(settings: Settings, host: str, port: int, *, collects: bool) -> str:
    suspended = (
        "For suspended runs, each event starts collect-batches."
        if collects
        else "Suspended runs are not resumed early: PREFECT_API_URL is not set."
    )
    return (
        f"Receiving webhooks at http://{host}:{port}{PATH}. Put an HTTPS proxy in front of it, and enter at OpenAI "
        f"(project settings, webhooks):\n"
        f"  URL     https://YOUR-ADDRESS{PATH}\n"
        f"  events  {', '.join(EVENTS)}\n"
        f"Polling runs that share the folder {settings.state_dir.resolve()} check their batch at each event. "
        f"{suspended} Press Ctrl-C to stop."
    )
