"""Driving the simulator as its clients do: with OpenAI's own SDK, over real HTTP."""

import json
from typing import Any

from openai import OpenAI
from openai.types import Batch

from tests.patience import HANG, until

__all__ = [
    "CHAT",
    "IMAGES",
    "TEXT_MODEL",
    "a_chat",
    "a_line",
    "an_image",
    "connect",
    "lines_done",
    "read_lines",
    "submit",
    "upload",
    "wait_for",
    "wait_for_progress",
]

CHAT = "/v1/chat/completions"
IMAGES = "/v1/images/generations"
TEXT_MODEL = "gpt-6-luna"
IMAGE_MODEL = "gpt-image-2.5-flare"
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


def connect(base_url: str, api_key: str = "sk-test") -> OpenAI:
    return OpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=HANG)


def a_chat(**changes: Any) -> dict[str, Any]:
    """A body that the chat endpoint takes; a change to None leaves the field out."""
    body = {"model": TEXT_MODEL, "messages": [{"role": "user", "content": "Why is bread brown?"}], **changes}
    return {name: value for name, value in body.items() if value is not None}


def an_image(**changes: Any) -> dict[str, Any]:
    """A body that the images endpoint takes; small and of low quality, to be quick."""
    body = {"model": IMAGE_MODEL, "prompt": "A loaf of bread", "size": "1024x640", "quality": "low", **changes}
    return {name: value for name, value in body.items() if value is not None}


def a_line(custom_id: Any = "one", body: Any = None, **changes: Any) -> dict[str, Any]:
    """One line of a batch's input file; a field that is None is left out."""
    line = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": a_chat() if body is None else body}
    return {name: value for name, value in {**line, **changes}.items() if value is not None}


def upload(client: OpenAI, *lines: dict[str, Any] | str) -> str:
    """Upload an input file of these lines, text as it is, and return its id."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    return client.files.create(file=("input.jsonl", text.encode()), purpose="batch").id


def submit(client: OpenAI, *lines: dict[str, Any] | str, endpoint: Any = CHAT, **options: Any) -> Batch:
    """Upload the lines and create a batch of them."""
    input_file_id = upload(client, *lines)
    return client.batches.create(input_file_id=input_file_id, endpoint=endpoint, completion_window="24h", **options)


def wait_for(client: OpenAI, batch: Batch, statuses: frozenset[str] = FINAL) -> Batch:
    """Poll until the batch has one of the statuses."""

    def is_reached(seen: Batch) -> bool:
        assert seen.status in statuses or seen.status not in FINAL, f"it ended as {seen.status}"
        return seen.status in statuses

    return until(lambda: client.batches.retrieve(batch.id), is_reached)


def wait_for_progress(client: OpenAI, batch: Batch, count: int) -> int:
    """Poll until at least so many lines are done, and return how many are."""
    return until(lambda: lines_done(client.batches.retrieve(batch.id)), lambda done: done >= count)


def lines_done(batch: Batch) -> int:
    counts = batch.request_counts
    return counts.completed + counts.failed if counts else 0


def read_lines(client: OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    """The lines of an output or error file by custom_id; none for a file that is not there."""
    if not file_id:
        return {}
    lines = [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    return {line["custom_id"]: line for line in lines}
