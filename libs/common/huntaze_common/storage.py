"""Private objects in an S3-compatible store, read and written without blocking the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from huntaze_common.errors import PermanentFailure
from huntaze_common.settings import Bucket

if TYPE_CHECKING:
    from huntaze_common.s3 import S3Bucket

T = TypeVar("T")

_THREADS = 4


class ObjectMissing(PermanentFailure):
    """There is no object with this key."""

    code = "object_missing"


class S3ObjectStore:
    """One bucket. Objects are private; links to them are made when they are used, never stored."""

    def __init__(self, bucket: Bucket) -> None:
        """Made by `open_object_store`."""
        self._settings = bucket
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="object-store")
        self._opening = Lock()
        self._bucket: S3Bucket | None = None

    async def put(self, key: str, data: bytes | Path, *, content_type: str) -> None:
        """Store an object under a key made from its content; what is there already is not sent again.

        Large files go up in parts of 8 MiB.

        Raises:
            UpstreamUnavailable: the store did not take it.
        """
        size = len(data) if isinstance(data, bytes) else data.stat().st_size  # noqa: ASYNC240 - one local stat
        try:
            if await self.size(key) == size:
                return
        except ObjectMissing:
            pass
        await self._run(lambda bucket: bucket.put(key, data, content_type))

    async def size(self, key: str) -> int:
        """Return an object's size in bytes.

        Raises:
            ObjectMissing: there is none.
            UpstreamUnavailable: the store did not answer.
        """
        return await self._run(lambda bucket: bucket.size(key))

    async def get(self, key: str) -> bytes:
        """Read a small object whole.

        Raises:
            ObjectMissing, UpstreamUnavailable.
        """
        return await self._run(lambda bucket: bucket.get(key))

    async def read_range(self, key: str, start: int, length: int) -> bytes:
        """Read ``length`` bytes from ``start``; fewer at the end, none behind it.

        Raises:
            ObjectMissing, UpstreamUnavailable.
        """
        if length <= 0:
            return b""
        return await self._run(lambda bucket: bucket.get_range(key, start, length))

    async def download(self, key: str, path: Path) -> None:
        """Write an object into a file, part by part.

        Raises:
            ObjectMissing, UpstreamUnavailable.
        """
        await self._run(lambda bucket: bucket.download(key, path))

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already.

        Raises:
            UpstreamUnavailable: the store did not answer.
        """
        await self._run(lambda bucket: bucket.delete(key))

    async def list_keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with ``prefix``, in order.

        Raises:
            UpstreamUnavailable: the store did not answer.
        """
        return await self._run(lambda bucket: bucket.list_keys(prefix))

    async def presigned_get(self, key: str, *, seconds: int) -> str:
        """Make a link that reads one object for some seconds. Make it when it is used: it is a secret."""
        return await self._run(lambda bucket: bucket.presigned_get(key, seconds))

    def close(self) -> None:
        """Drop the calls that wait, and the connections."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._bucket is not None:
            self._bucket.close()

    async def _run(self, call: Callable[[S3Bucket], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: call(self._opened()))

    def _opened(self) -> S3Bucket:
        with self._opening:
            if self._bucket is None:
                from huntaze_common.s3 import S3Bucket  # not at the start: see there

                self._bucket = S3Bucket(self._settings, connections=_THREADS)
            return self._bucket


@asynccontextmanager
async def open_object_store(bucket: Bucket) -> AsyncGenerator[S3ObjectStore]:
    """Open a bucket; nothing is sent before the first use."""
    store = S3ObjectStore(bucket)
    try:
        yield store
    finally:
        store.close()
