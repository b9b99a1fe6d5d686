"""A remote storage for tests: fsspec's own file system in memory, under an address that Pressrun accepts."""

from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

__all__ = ["Bucket"]


class Bucket(MemoryFileSystem):
    """`bucket://...`; it shares its contents with `memory://...`."""

    protocol = "bucket"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return super()._strip_protocol(path.removeprefix("bucket://"))


fsspec.register_implementation("bucket", Bucket)
