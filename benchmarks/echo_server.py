"""The least OpenAI-compatible server for benchmarks: Files and Batches, every request answered with the same article.

Invariant: its memory does not grow with a file: uploads go to disk, results are made while they are sent, in another
order than the requests came in, as the provider's do. It knows nothing of Pressrun, and Pressrun nothing of it.
"""

import json
import re
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

__all__ = ["INPUT_TOKENS", "OUTPUT_TOKENS", "article_text", "main"]

CUSTOM_ID = re.compile(rb'\A\{"custom_id": ?"([^"]+)"')
PART = 1 << 20
INPUT_TOKENS, OUTPUT_TOKENS = 2_100, 2_000
CACHED_TOKENS = 1_280

SENTENCES = (
    "Sourdough takes two days because the dough rests through the night in the cold, and nothing hurries it.",
    "Ask for the end of a loaf when you come by: the crust tells more about a bakery than any sign in its window.",
    "Flour, water and salt are weighed each morning; the rest is patience, a warm room and someone who watches.",
    "“How long does it keep?” is asked most – four days in linen, if it’s left that long; never in the fridge.",
)


def article_text() -> str:
    """An article of about 8 KB as the schema asks for it."""
    paragraph = " ".join(SENTENCES)
    section = {"heading": "Why the night does most of the work", "body": "\n\n".join([paragraph] * 3)}
    article = {
        "title": "Why good bread takes two days",
        "summary": " ".join(SENTENCES[:2]),
        "intro": f"{paragraph}\n\n{paragraph}",
        "sections": [section] * 5,
        "conclusion": f"Come by on Saturday morning. {SENTENCES[1]}",
        "seo_title": "Why good bread takes two days | Harbour Bakery",
        "seo_description": f"{SENTENCES[0]} Come by on Saturday morning.",
        "tags": ["bread", "sourdough"],
    }
    return json.dumps(article, ensure_ascii=False)


def _reply_line() -> tuple[bytes, bytes]:
    """A result line before and after its custom_id, in the provider's own JSON: ASCII, with spaces."""
    usage = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 150, "audio_tokens": 0},
    }
    message: dict[str, Any] = {"role": "assistant", "content": article_text(), "refusal": None, "annotations": []}
    body = {
        "id": "chatcmpl-0123456789",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "gpt-6-luna-2026-09-01",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": None,
    }
    response = {"status_code": 200, "request_id": "req_0123456789", "body": body}
    line = json.dumps({"id": "batch_req_0123456789", "custom_id": "@", "response": response, "error": None})
    before, after = line.split('"@"', 1)
    return f'{before}"'.encode(), f'"{after}\n'.encode()


BEFORE, AFTER = _reply_line()


@dataclass
class Provider:
    """What is at the provider."""

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        batch_id = f"batch_{len(self.batches)}"
        record = {
            "id": batch_id,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "completion_window": "24h",
            "input_file_id": asked["input_file_id"],
            "created_at": int(time.time()),
            "metadata": asked.get("metadata") or {},
            "status": "validating",
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }
        self.batches[batch_id] = record
        return record

    def look(self, batch_id: str) -> dict[str, Any]:
        """A batch is in progress at the first look, and complete at the second."""
        record = self.batches[batch_id]
        if record["status"] == "validating":
            record["status"] = "in_progress"
            return record
        total = len(_line_starts(self.files[record["input_file_id"]]))
        record |= {
            "status": "completed",
            "completed_at": int(time.time()),
            "output_file_id": f"out-{record['input_file_id']}",
            "request_counts": {"total": total, "completed": total, "failed": 0},
        }
        return record

    def results(self, file_id: str) -> Iterator[bytes]:
        """The output file in parts of about 64 KB."""
        path = self.files[file_id.removeprefix("out-")]
        starts = _line_starts(path)
        Random(7).shuffle(starts)
        part: list[bytes] = []
        with path.open("rb") as lines:
            for start in starts:
                lines.seek(start)
                found = CUSTOM_ID.match(lines.read(200))
                assert found
                part += (BEFORE, found[1], AFTER)
                if len(part) >= 21:
                    yield b"".join(part)
                    part = []
        yield b"".join(part)


def _line_starts(path: Path) -> "array[int]":
    """Where the requests begin; the upload's own header lines are no requests."""
    starts = array("Q")
    offset = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.startswith(b'{"custom_id"'):
                starts.append(offset)
            offset += len(line)
    return starts


class Handler(BaseHTTPRequestHandler):
    """The routes, as far as a batch needs them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    provider: Provider

    def do_POST(self) -> None:
        if self.path == "/v1/files":
            self._json(self._store())
        else:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._json(self.provider.create(asked))

    def do_GET(self) -> None:
        parts = self.path.partition("?")[0].split("/")[2:]
        match parts:
            case ["batches", batch_id]:
                self._json(self.provider.look(batch_id))
            case ["batches"]:
                self._json({"object": "list", "data": list(reversed(self.provider.batches.values()))})
            case ["files", file_id, "content"]:
                self._stream(self.provider.results(file_id))
            case _:
                self._json({"object": "list", "data": []})

    def _store(self) -> dict[str, Any]:
        file_id = f"file-{len(self.provider.files)}"
        path = self.provider.folder / file_id
        left = size = int(self.headers["content-length"])
        with path.open("wb") as file:
            while left:
                part = self.rfile.read(min(left, PART))
                file.write(part)
                left -= len(part)
        self.provider.files[file_id] = path
        named = {"id": file_id, "object": "file", "filename": "requests.jsonl", "purpose": "batch"}
        return named | {"bytes": size, "created_at": int(time.time()), "status": "processed"}

    def _json(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, parts: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in filter(None, parts):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def main() -> None:
    """Serve on a free port of 127.0.0.1, whose address is the first line of output."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener,
    ):
        Handler.provider = Provider(Path(folder))
        listener.daemon_threads = True
        listener.block_on_close = False
        sys.stdout.write(f"http://127.0.0.1:{listener.server_port}/v1\n")
        sys.stdout.flush()
        listener.serve_forever()


if __name__ == "__main__":
    main()
