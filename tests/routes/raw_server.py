"""A provider in raw HTTP, for what no well-behaved server does: dropped connections, odd shapes, cut files."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any

from tests.ports import new_port

__all__ = ["Asked", "RawServer", "Reply", "serving"]


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    """With the query."""
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What to answer: bytes as they are, anything else as JSON."""

    body: Any = field(default_factory=dict)
    status: int = 200
    content_type: str = "application/json"
    missing: int = 0
    """Bytes that the header promises and that never come."""
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers."""
    drip: float = 0.0
    """Seconds between two bytes of the body; 0 sends it at once."""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answering = Callable[[Asked], Reply | None]
"""None drops the connection without a word, after the work was done."""


@dataclass
class RawServer:
    base_url: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """How often what was asked, as `POST /v1/batches`, without queries."""
        return Counter(f"{asked.method} {asked.path.partition('?')[0]}" for asked in self.asked)


@contextmanager
def serving(answer: Answering) -> Iterator[RawServer]:
    """Serve on 127.0.0.1 until the block is left."""
    server = RawServer("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A reply goes out at once; otherwise each costs 40 ms of waiting for an acknowledgement.
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked = Asked(self.command, self.path, body, dict(self.headers))
            server.asked.append(asked)
            self._reply(answer(asked))

        do_GET = do_POST = do_DELETE = handle_one

        def _reply(self, reply: Reply | None) -> None:
            if reply is None or reply.missing:
                self.close_connection = True
            if reply is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.content) + reply.missing))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if not reply.drip:
                self.wfile.write(reply.content)
                return
            with suppress(OSError):  # The client may have given up.
                for byte in reply.content:
                    self.wfile.write(bytes([byte]))
                    sleep(reply.drip)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests look at `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", new_port()), Handler) as listener:
        listener.daemon_threads = True
        # Connections that a client keeps open must not hold up the end of a test.
        listener.block_on_close = False
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.base_url = f"http://127.0.0.1:{listener.server_port}/v1"
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
