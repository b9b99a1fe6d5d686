"""Reconstructing the submitted shard of an existing batch from its input file.

Invariant: only lines that are exactly ours become a shard: each id ends in the first digits of its request's key, so
answers can never be assigned to other calls.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openai
from openai import OpenAI

from pressrun.calls import KEY_DIGITS, Endpoint, request_key
from pressrun.errors import Refused
from pressrun.routes.batch.submit import AFTER, KEY
from pressrun.routes.batch.view import BatchView
from pressrun.sharding import Shard, work_key
from pressrun.wire import read_json

__all__ = ["shard_of"]


def shard_of(client: OpenAI, view: BatchView, folder: Path, names: Mapping[Endpoint, str]) -> Shard:
    """Download the input of a batch into `folder` and read it as a shard. Raises `Refused` when it is not ours.

    `names` are the models' names in real time, because an id ends in the key of the request as sent there.
    """
    path = folder / "input.jsonl"
    try:
        with client.files.with_streaming_response.content(view.input_file_id or "none") as response:
            response.stream_to_file(path)
    except openai.NotFoundError:
        raise Refused(f"The input file of batch {view.batch_id} is gone, so its answers cannot be matched.") from None
    calls: dict[str, str] = {}
    kinds: set[tuple[Endpoint, str]] = set()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            call_id, key, kind = _read(line, number, view, names)
            calls[call_id] = key
            kinds.add(kind)
    key = work_key(calls.items())
    if len(kinds) != 1 or view.metadata.get(KEY, key) != key:
        raise Refused(f"The lines of batch {view.batch_id} do not match its key, or are for several models.")
    [(endpoint, model)] = kinds
    return Shard(
        endpoint=endpoint,
        model=model,
        ids=tuple(sorted(calls)),
        key=key,
        path=path,
        size=path.stat().st_size,
        tokens=0,
        sites=tuple(view.metadata.get("sites", "adopted").split(",")),
        after=view.metadata.get(AFTER),
    )


def _read(
    line: bytes, number: int, view: BatchView, names: Mapping[Endpoint, str]
) -> tuple[str, str, tuple[Endpoint, str]]:
    """The id and key of a line's call, with its endpoint and model."""
    record: dict[str, Any] = read_json(line) or {}
    call_id, body, url = record.get("custom_id"), record.get("body"), record.get("url")
    if isinstance(call_id, str) and isinstance(body, dict) and url in set(Endpoint):
        endpoint = Endpoint(url)
        in_real_time = {**body, "model": names.get(endpoint)}
        if any(call_id.endswith(f"-{request_key(endpoint, asked)[:KEY_DIGITS]}") for asked in (body, in_real_time)):
            return call_id, request_key(endpoint, body), (endpoint, str(body.get("model")))
    raise Refused(f"Line {number} of the input of batch {view.batch_id} is not Pressrun's; the batch was not adopted.")
