"""Where videos come from: our own object store, by key, or a public https link through the guarded fetcher.

What a link or an upload says about itself, its extension or content type, is not looked at: the bytes decide.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.fetch import Fetcher, LinkBroken
from huntaze_common.storage import S3ObjectStore
from huntaze_contracts.video import LinkedVideo, StoredVideo

from huntaze_video.errors import MediaTooLarge, MediaUnreadable
from huntaze_video.spool import BLOCK, Spool, download_spool, open_spool

_SECONDS_PER_RANGE = 60.0
_SECONDS_PER_FILE = 300.0


class Sources:
    """Opens the sources that a payload can name."""

    def __init__(self, store: S3ObjectStore, fetcher: Fetcher, *, max_bytes: int) -> None:
        """Take what to read from; a video of more than ``max_bytes`` is refused."""
        self._store = store
        self._fetcher = fetcher
        self._max_bytes = max_bytes

    @asynccontextmanager
    async def open(self, source: StoredVideo | LinkedVideo) -> AsyncGenerator[Spool]:
        """Open a video; its bytes are fetched when they are needed.

        Raises:
            MediaTooLarge: it has more bytes than allowed.
            MediaUnreadable: it has none.
            ObjectMissing, UrlRefused, LinkBroken, ResponseTooLarge: it can't be had, now or later.
            UpstreamUnavailable, RateLimited, TemporarySpaceShort: it can't be had now.
        """
        match source:
            case StoredVideo():
                size = self._accept(await self._store.size(source.key))
                async with open_spool(_Stored(self._store, source.key, size)) as spool:
                    yield spool
            case LinkedVideo():
                async with self._open_link(source.url) as spool:
                    yield spool

    @asynccontextmanager
    async def _open_link(self, url: str) -> AsyncGenerator[Spool]:
        try:
            linked = await self._first_range(url)
        except LinkBroken:
            # Gone, or no ranges to be had. Asking for the whole tells, and gets it in the second case.
            linked = None
        if linked is not None:
            async with open_spool(linked) as spool:
                yield spool
            return
        async with self._fetcher.stream(url, max_bytes=self._max_bytes, seconds=_SECONDS_PER_FILE) as body:
            async with download_spool(body) as spool:
                self._accept(spool.size)
                yield spool

    async def _first_range(self, url: str) -> "_Linked | None":
        async with self._fetcher.stream(
            url, max_bytes=BLOCK, seconds=_SECONDS_PER_RANGE, start=0, length=BLOCK
        ) as body:
            head = b"".join([chunk async for chunk in body])
            if body.total is None:
                return None
            return _Linked(self._fetcher, url, self._accept(body.total), body.etag, head)

    def _accept(self, size: int) -> int:
        if size > self._max_bytes:
            raise MediaTooLarge(f"the video has {size} bytes, the limit is {self._max_bytes}")
        if size == 0:
            raise MediaUnreadable("the file is empty")
        return size


class _Stored:
    """An object of ours, read by its key: that never expires, however long a job waits."""

    def __init__(self, store: S3ObjectStore, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self.size = size

    async def read(self, start: int, length: int) -> bytes:
        """Return a range of the object."""
        return await self._store.read_range(self._key, start, length)


class _Linked:
    """What a link leads to, as long as its server says that it is still the same."""

    def __init__(self, fetcher: Fetcher, url: str, size: int, etag: str, head: bytes) -> None:
        self._fetcher = fetcher
        self._url = url
        self._etag = etag
        self._head = head
        self.size = size

    async def read(self, start: int, length: int) -> bytes:
        """Return a range of the resource; its beginning is known from opening it."""
        if start + length <= len(self._head):
            return self._head[start : start + length]
        async with self._fetcher.stream(
            self._url, max_bytes=length, seconds=_SECONDS_PER_RANGE, start=start, length=length
        ) as body:
            if (body.etag, body.total) != (self._etag, self.size):
                raise UpstreamUnavailable("the link leads to another file than a moment ago")
            return b"".join([chunk async for chunk in body])
