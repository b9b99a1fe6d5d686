"""What the tests of the routes share: a client as Pressrun opens it, shards, and waiting for a batch to end."""

from collections.abc import Callable
from time import monotonic, sleep

import httpx2
from openai import OpenAI
from pydantic import SecretStr

from pressrun.batchfile import Shard
from pressrun.calls import Call, Endpoint
from pressrun.routes.batch import BatchTicket, BatchView, look
from pressrun.routes.provider import Provider, open_client
from pressrun.settings import Settings
from tests.calls_builder import a_call

__all__ = ["a_shard", "batches_created", "connect", "until_done", "until_ended"]


def connect(base_url: str, *, key: str = "sk-test", retries: int = 0) -> OpenAI:
    settings = Settings(realtime_retries=retries, realtime_timeout=20, _env_file=None)
    return open_client(Provider(base_url=base_url), SecretStr(key), settings)


def a_shard(*calls: Call) -> Shard:
    """A shard of these calls, or of two that the simulator answers."""
    return Shard(endpoint=Endpoint.CHAT, model="gpt-6-luna", calls=list(calls) or [a_call(), a_call("article-02")])


def until_ended(client: OpenAI, ticket: BatchTicket) -> BatchView:
    return _until(client, ticket, lambda view: view.is_terminal)


def until_done(client: OpenAI, ticket: BatchTicket, count: int) -> BatchView:
    """Poll until so many lines are answered."""
    return _until(client, ticket, lambda view: view.completed >= count)


def _until(client: OpenAI, ticket: BatchTicket, is_reached: Callable[[BatchView], bool]) -> BatchView:
    end = monotonic() + 20
    while not is_reached(view := look(client, ticket.batch_id)):
        assert monotonic() < end, f"still {view}"
        sleep(0.02)
    return view


def batches_created(base_url: str) -> int:
    """How often the simulator was asked to create a batch, by its own count."""
    stats = httpx2.get(f"{base_url.removesuffix('/v1')}/simulator/stats").json()
    return int(stats.get("POST /v1/batches", 0))
