"""From calls to shards: the input files of batches, within the provider's limits.

Invariant: the same calls give the same shards in any order, so a restarted run finds the batches of the first one.
Lines are streamed to disk; only an index of about 300 bytes per call stays in memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pressrun.batchfile import request_line
from pressrun.calls import Call, Endpoint, request_key
from pressrun.errors import Refused
from pressrun.frozen import Frozen
from pressrun.tokens import estimate_tokens

__all__ = ["Limits", "Shard", "shards", "work_key"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one batch may contain; see "Rate limits" in OpenAI's Batch guide (platform.openai.com/docs/guides/batch)."""

    requests: int = 50_000
    bytes: int = 200_000_000
    """Published as 200 MB, taken as 10^6 bytes, the smaller reading."""
    tokens: Mapping[str, int] | None = None
    """Prompt tokens that may be enqueued at a time, by model; other models have no known limit."""

    def queue(self, model: str) -> int | None:
        """The queue limit of a model in tokens, if known."""
        return (self.tokens or {}).get(model)


class Shard(Frozen):
    """The calls of one batch: one model, one endpoint, within the limits."""

    endpoint: Endpoint
    model: str
    """Its name in batches."""
    ids: tuple[str, ...]
    """The calls' ids, one per line of the file and in its order."""
    key: str
    """SHA-256 (hex) of the calls' ids and contents in any order: the same work has the same key."""
    path: Path
    """The input file."""
    size: int
    """Its size in bytes."""
    tokens: int
    """Estimated prompt tokens; 0 for a model without a queue limit."""
    sites: tuple[str, ...]
    """Slugs, sorted."""
    after: str | None = None
    """Id of the batch that left these calls unanswered; without it, a retry would find that batch."""
    record: str = ""
    """Id of its record in the ledger's file, once recorded."""

    @property
    def title(self) -> str:
        """For people: `33 gpt-6-luna requests`."""
        return f"{len(self.ids)} {self.model} {'request' if len(self.ids) == 1 else 'requests'}"

    @property
    def filename(self) -> str:
        """The input file's name at the provider, which identifies Pressrun and the work."""
        return self.filename_for(None)

    def filename_for(self, run_id: str | None) -> str:
        """The name of an upload that only this run may use, or any run."""
        end = sha256(run_id.encode()).hexdigest() if run_id else self._digest[20:]
        return f"{self._name}{end[:12]}.jsonl"

    def is_named_by(self, filename: str) -> bool:
        """Whether an upload of this name is for this work, by whichever run."""
        return filename.startswith(self._name)

    @property
    def _name(self) -> str:
        """How the name of every upload for this work begins."""
        return f"pressrun-{self._digest[:20]}"

    @property
    def _digest(self) -> str:
        return sha256(self.work.encode()).hexdigest() if self.after else self.key

    @cached_property
    def work(self) -> str:
        """Identifies this work: the key, and the batch it follows."""
        return f"{self.key} {self.after}" if self.after else self.key


class Entry(NamedTuple):
    """The location of a call's line in the spool."""

    id: str
    key: str
    site: str
    offset: int
    length: int
    tokens: int


def shards(
    calls: Iterable[Call], folder: Path, limits: Limits | None = None, *, after: str | None = None
) -> list[Shard]:
    """Write the input files for `calls` into `folder`: as few as the limits allow, each for one model and endpoint.

    The calls of a file are sorted by id. A call whose id occurs twice is sent once, because equal ids mean equal
    contents. A single call above a limit gets its own file, and the provider decides.
    """
    limits = limits or Limits()
    spool = folder / "spool.jsonl"
    try:
        groups = _spool(calls, spool, limits)
        with spool.open("rb") as lines:
            return [
                _write(part, endpoint, model, lines, folder, after)
                for (endpoint, model), group in groups.items()
                for part in _parts(sorted(group.values(), key=attrgetter("id")), model, limits)
            ]
    finally:
        spool.unlink(missing_ok=True)


def _spool(calls: Iterable[Call], spool: Path, limits: Limits) -> dict[tuple[Endpoint, str], dict[str, Entry]]:
    """Put every line on disk; returns the index by endpoint and model."""
    groups: dict[tuple[Endpoint, str], dict[str, Entry]] = {}
    offset = 0
    with spool.open("wb") as file:
        for call in calls:
            line = request_line(call)
            file.write(line)
            model = call.batch_model or call.model
            # The key of what is sent: with another name in batches, an upload under the earlier one is not used again.
            key = request_key(call.endpoint, call.batch_body) if call.batch_model else call.key
            counted = estimate_tokens(line.decode()) if limits.queue(model) else 0
            group = groups.setdefault((call.endpoint, model), {})
            earlier = group.get(call.id)
            if earlier and earlier.key != key:
                raise Refused(f"Two different requests have the id {call.id}. Nothing was sent. Please report this.")
            group[call.id] = Entry(call.id, key, call.site, offset, len(line), counted)
            offset += len(line)
    return groups


def _parts(entries: Iterable[Entry], model: str, limits: Limits) -> Iterator[list[Entry]]:
    part: list[Entry] = []
    size = tokens = 0
    queue = limits.queue(model)
    for entry in entries:
        is_full = len(part) == limits.requests or size + entry.length > limits.bytes
        if part and (is_full or (queue is not None and tokens + entry.tokens > queue)):
            yield part
            part, size, tokens = [], 0, 0
        part.append(entry)
        size += entry.length
        tokens += entry.tokens
    if part:
        yield part


def _write(
    part: list[Entry], endpoint: Endpoint, model: str, lines: BinaryIO, folder: Path, after: str | None
) -> Shard:
    key = work_key((entry.id, entry.key) for entry in part)
    path = folder / f"{key[:32]}.jsonl"
    with path.open("wb") as file:
        for entry in part:
            lines.seek(entry.offset)
            file.write(lines.read(entry.length))
    return Shard(
        endpoint=endpoint,
        model=model,
        ids=tuple(entry.id for entry in part),
        key=key,
        path=path,
        size=sum(entry.length for entry in part),
        tokens=sum(entry.tokens for entry in part),
        sites=tuple(sorted({entry.site for entry in part})),
        after=after,
    )


def work_key(calls: Iterable[tuple[str, str]]) -> str:
    """The key of a shard: SHA-256 (hex) of the ids and keys of its calls, in any order."""
    digest = sha256()
    for call_id, key in sorted(calls):
        digest.update(f"{call_id} {key}".encode())
    return digest.hexdigest()
