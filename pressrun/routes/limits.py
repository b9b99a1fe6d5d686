"""Limits on what a provider may send: the time of a whole reply, and its size after decompression.

Invariant: a reply can neither fill the memory nor go on without an end. A file's content is the exception: it is read
as a stream, whose reader limits each line (`pressrun.batchfile.result_lines`).
"""

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

__all__ = ["LARGEST_REPLY", "ReplyTooLarge", "limit_reply"]

LARGEST_REPLY = 128_000_000
"""Bytes of a decompressed reply: one image of the largest size in base64 takes a quarter of it."""
PIECE = 1_000_000
"""Bytes that are decompressed at once."""
MAGIC = b"\x1f\x8b"
"""The first bytes of gzip, the one compression that Pressrun asks for (RFC 1952)."""
GZIP = 16 + zlib.MAX_WBITS
"""Tells zlib to expect the header of gzip."""


class ReplyTooLarge(httpx2.RequestError):
    """The provider's reply is larger than `LARGEST_REPLY`."""


def limit_reply(reply: httpx2.Response) -> None:
    """An event hook for responses: limits the body of a reply before it is read.

    The client's timeout counts for each piece of data; here it counts for the whole reply.
    """
    is_file = reply.request.url.path.endswith("/content")
    stream = reply.stream
    assert isinstance(stream, httpx2.SyncByteStream)
    # A label is not believed: gateways leave it on bodies that they have decompressed.
    is_labelled = bool(reply.headers.pop("content-encoding", ""))
    limit = _seconds(reply.request)
    reply.stream = Limited(
        stream,
        reply.request,
        is_labelled=is_labelled,
        most=None if is_file else LARGEST_REPLY,
        until=None if is_file or limit is None else time.monotonic() + limit,
    )


def _seconds(request: httpx2.Request) -> float | None:
    """The client's timeout for one read."""
    timeout = request.extensions.get("timeout") or {}
    return timeout.get("read") if isinstance(timeout, dict) else None


class Limited(httpx2.SyncByteStream):
    """A reply's body, decompressed, up to a size (bytes) and a time (of `time.monotonic`)."""

    def __init__(
        self,
        stream: httpx2.SyncByteStream,
        request: httpx2.Request,
        *,
        is_labelled: bool,
        most: int | None,
        until: float | None,
    ) -> None:
        self._stream = stream
        self._request = request
        self._pieces: Callable[[bytes], Iterator[bytes]] = _Decompressor(request) if is_labelled else _as_it_is
        self._most = most
        self._until = until

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for raw in self._stream:
            for piece in self._pieces(raw):
                size += len(piece)
                if self._most is not None and size > self._most:
                    text = f"The provider's reply is larger than {self._most // 1_000_000} MB."
                    raise ReplyTooLarge(text, request=self._request)
                yield piece
            if self._until is not None and time.monotonic() > self._until:
                raise httpx2.ReadTimeout("The provider's reply took longer than the timeout.", request=self._request)

    def close(self) -> None:
        self._stream.close()


def _as_it_is(raw: bytes) -> Iterator[bytes]:
    yield raw


class _Decompressor:
    """Decompresses gzip in pieces of limited size, so that a small reply cannot become a large one at once.

    What does not begin like gzip is passed on as it is; further members follow the first.
    """

    def __init__(self, request: httpx2.Request) -> None:
        self._request = request
        self._start = b""
        self._decoder: Any = None
        self._is_plain = False

    def __call__(self, raw: bytes) -> Iterator[bytes]:
        if not self._is_plain and self._decoder is None:
            raw = self._start = self._start + raw
            if len(raw) < len(MAGIC) and MAGIC.startswith(raw):
                return
            self._is_plain = not raw.startswith(MAGIC)
            self._decoder = zlib.decompressobj(GZIP)
        if self._is_plain:
            yield raw
            return
        try:
            while raw:
                yield self._decoder.decompress(raw, PIECE)
                raw = self._decoder.unconsumed_tail
                if self._decoder.eof:
                    raw = self._decoder.unused_data
                    if not raw.startswith(MAGIC):
                        return
                    self._decoder = zlib.decompressobj(GZIP)
        except zlib.error as error:
            raise httpx2.DecodingError(str(error), request=self._request) from error
