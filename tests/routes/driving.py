"""What the tests of the routes share: a client as Pressrun opens it, shards, and waiting for a batch to end."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from openai import OpenAI
from pydantic import SecretStr

from pressrun.calls import Call
from pressrun.routes import batch
from pressrun.routes.batch import BatchTicket, BatchView, look
from pressrun.routes.provider import Provider, open_client
from pressrun.settings import Settings
from pressrun.sharding import Shard, shards
from tests.calls_builder import a_call
from tests.patience import HANG, get, until

__all__ = [
    "LAG",
    "a_faulty_shard",
    "a_shard",
    "batches_created",
    "connect",
    "ours",
    "submit",
    "until_done",
    "until_ended",
]

FOLDER = TemporaryDirectory(prefix="pressrun-shards-")
"""Where input files are written; removed with the process."""
LAG = timedelta(seconds=0.05)
"""By how much the list of a test's server may lag."""
submit = partial(batch.submit, list_lag=LAG)


def connect(base_url: str, *, key: str = "sk-test", retries: int = 0) -> OpenAI:
    settings = Settings(realtime_retries=retries, realtime_timeout=HANG, _env_file=None)
    return open_client(Provider(base_url=base_url), SecretStr(key), settings)


def a_shard(*calls: Call, after: str | None = None) -> Shard:
    """A shard of these calls, or of two that the simulator answers."""
    folder = Path(mkdtemp(dir=FOLDER.name))
    [shard] = shards(calls or (a_call(), a_call("article-02")), folder, after=after)
    return shard


def a_faulty_shard(*calls: Call) -> Shard:
    """One whose second line repeats the first, which validation refuses."""
    shard = a_shard(*calls)
    line = shard.path.read_bytes()
    shard.path.write_bytes(line + line)
    return shard.model_copy(update={"size": 2 * shard.size})


def until_ended(client: OpenAI, ticket: BatchTicket) -> BatchView:
    """Poll until the batch has ended."""
    return until(lambda: look(client, ticket.batch_id), lambda view: view.is_terminal)


def until_done(client: OpenAI, ticket: BatchTicket, count: int) -> BatchView:
    """Poll until so many lines are answered."""
    return until(lambda: look(client, ticket.batch_id), lambda view: view.completed >= count)


def batches_created(base_url: str) -> int:
    """How often the simulator was asked to create a batch, by its own count."""
    stats = get(f"{base_url.removesuffix('/v1')}/simulator/stats").json()
    return int(stats.get("POST /v1/batches", 0))


def ours(shard: Shard, **changes: str) -> dict[str, str]:
    """The metadata of a batch that does this shard's work."""
    return {"pressrun_key": shard.key, "pressrun_schema": "1", "flow_run_id": "run-1", **changes}
