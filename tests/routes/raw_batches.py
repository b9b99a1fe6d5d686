"""A provider of batches in raw HTTP, with the faults that a test asks for."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.routes.raw_server import Asked, RawServer, Reply, serving

__all__ = ["RawBatches", "a_batch"]

NOT_FOUND = Reply({"error": {"message": "No such thing.", "code": None, "param": None}}, status=404)


def a_batch(number: int, **changes: Any) -> dict[str, Any]:
    """A batch object with nothing in it but what the schema asks for, and null elsewhere."""
    return {
        "id": f"batch_{number}",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-in",
        "completion_window": "24h",
        "status": "in_progress",
        "created_at": 1_795_435_200 + number,
        "output_file_id": None,
        "error_file_id": None,
        "metadata": None,
        **changes,
    }


@dataclass
class RawBatches:
    """Keeps what it is told; `batches` is newest first."""

    batches: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, Reply] = field(default_factory=dict)
    """What the content of each file is answered with."""
    first_contents: list[Reply] = field(default_factory=list)
    """What the next downloads are answered with instead."""
    lost_creations: int = 0
    """Creations that are done and whose answer is lost."""
    lost_cancellations: int = 0
    refusals: list[Reply] = field(default_factory=list)
    """What the next creations are answered with instead of being done."""
    creation_replies: list[Reply] = field(default_factory=list)
    """What the next creations are answered with after being done."""
    slow_creation: float = 0.0
    """Seconds between a creation's arrival and its being done."""
    hidden_looks: int = 0
    """Looks at the list that do not show the newest batch yet."""
    list_reply: Reply | None = None
    """What the list is answered with instead."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Uploads that the list of files shows."""
    appear_with_upload: list[dict[str, Any]] = field(default_factory=list)
    """Uploads that the list of files shows from the next upload on."""
    uploads: int = 0
    deleted: list[str] = field(default_factory=list)
    files_reply: Reply | None = None
    """What the list of files is answered with instead."""
    drops_metadata: bool = False
    """As a gateway does: batches are shown without their metadata."""
    asked_for: list[str] = field(default_factory=list)
    """Input files of the creations."""

    @contextmanager
    def serving(self) -> Iterator[RawServer]:
        with serving(self._answer) as server:
            yield server

    def _answer(self, asked: Asked) -> Reply | None:
        path = urlsplit(asked.path).path.removeprefix("/v1")
        if (asked.method, path) == ("GET", "/batches"):
            return self._list(parse_qs(urlsplit(asked.path).query))
        if (asked.method, path) == ("POST", "/batches"):
            return self._create(json.loads(asked.body))
        if match := re.fullmatch(r"/batches/(\w+)(/cancel)?", path):
            return self._one(match[1], is_cancel=bool(match[2]))
        return self._file(asked.method, path)

    def _file(self, method: str, path: str) -> Reply:
        if method == "POST":
            self.files += self.appear_with_upload
            self.uploads += 1
            return Reply({"id": "file-in" if self.uploads == 1 else f"file-in-{self.uploads}", "object": "file"})
        if path == "/files" and self.files_reply:
            return self.files_reply
        if path == "/files":
            return Reply({"object": "list", "data": self.files, "has_more": False})
        if method == "DELETE":
            self.deleted.append(path.rpartition("/")[2])
            return Reply({"id": self.deleted[-1], "deleted": True})
        if self.first_contents and path.endswith("/content"):
            return self.first_contents.pop(0)
        return self.contents.get(path.removeprefix("/files/").removesuffix("/content"), NOT_FOUND)

    def _list(self, query: dict[str, list[str]]) -> Reply:
        if self.list_reply:
            return self.list_reply
        if self.hidden_looks and self.batches:
            self.hidden_looks -= 1
            return Reply({"object": "list", "data": self.batches[1:], "has_more": False})
        ids = [batch["id"] for batch in self.batches]
        start = ids.index(query["after"][0]) + 1 if "after" in query else 0
        end = start + int(query["limit"][0])
        return Reply({"object": "list", "data": self.batches[start:end], "has_more": end < len(ids)})

    def _create(self, wanted: dict[str, Any]) -> Reply | None:
        if self.refusals:
            return self.refusals.pop(0)
        sleep(self.slow_creation)
        self.asked_for.append(wanted["input_file_id"])
        metadata = None if self.drops_metadata else wanted["metadata"]
        batch = a_batch(len(self.batches) + 1, metadata=metadata, input_file_id=wanted["input_file_id"])
        self.batches.insert(0, batch)
        if self.creation_replies:
            return self.creation_replies.pop(0)
        if self.lost_creations:
            self.lost_creations -= 1
            return None
        return Reply(batch)

    def _one(self, batch_id: str, *, is_cancel: bool) -> Reply | None:
        batch = next((batch for batch in self.batches if batch["id"] == batch_id), None)
        if batch is None:
            return NOT_FOUND
        if is_cancel:
            batch["status"] = "cancelling"
        if is_cancel and self.lost_cancellations:
            self.lost_cancellations -= 1
            return None
        return Reply(batch)
