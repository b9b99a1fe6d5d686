"""Limits on what a provider may send: the time of a whole reply, and its size after decompression.

Invariant: a reply can neither fill the memory nor go on without an end. A file's content is the exception: it is read
as a stream, whose reader limits each line (`pressrun.batchfile.result_lines`).
"""

import time
import zlib
from collections.abc import Callable, Iterator

import httpx2

__all__ = ["LARGEST_REPLY", "ReplyTooLarge", "limit_reply"]

LARGEST_REPLY = 128_000_000
"""Bytes of a decompressed reply: one image of the largest size in base64 takes a quarter of it."""
PIECE = 1_000_000
"""Bytes that are decompressed at once."""
GZIP = 16 + zlib.MAX_WBITS
"""Tells zlib to expect the header of gzip, the one compression that Pressrun asks for."""


class ReplyTooLarge(httpx2.RequestError):
    """The provider's reply is larger than `LARGEST_REPLY`."""


def limit_reply(reply: httpx2.Response) -> None:
    """An event hook for responses: limits the body of a reply before it is read.

    The client's timeout counts for each piece of data; here it counts for the whole reply.
    """
    is_file = reply.request.url.path.endswith("/content")
    stream = reply.stream
    assert isinstance(stream, httpx2.SyncByteStream)
    is_compressed = reply.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip")
    if is_compressed:
        del reply.headers["content-encoding"]
    limit = _seconds(reply.request)
    reply.stream = Limited(
        stream,
        reply.request,
        is_compressed=is_compressed,
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
        is_compressed: bool,
        most: int | None,
        until: float | None,
    ) -> None:
        self._stream = stream
        self._request = request
        self._pieces: Callable[[bytes], Iterator[bytes]] = _Decompressor(request) if is_compressed else _as_it_is
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
    """Decompresses in pieces of limited size, so that a small reply cannot become a large one at once."""

    def __init__(self, request: httpx2.Request) -> None:
        self._request = request
        self._decoder = zlib.decompressobj(GZIP)

    def __call__(self, raw: bytes) -> Iterator[bytes]:
        try:
            while raw and not self._decoder.eof:
                yield self._decoder.decompress(raw, PIECE)
                raw = self._decoder.unconsumed_tail
        except zlib.error as error:
            raise httpx2.DecodingError(str(error), request=self._request) from error
