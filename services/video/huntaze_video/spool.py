"""The part of a remote file that was needed so far, in a nameless local file.

Bytes are fetched once, in blocks, and only those that somebody asked for, or, when the file is read from
front to back, that will be asked for next: fetching and decoding go on side by side. The file has no name, so
that nothing is left of it, however the process ends.
"""

import asyncio
import errno
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Protocol

from huntaze_common.errors import UpstreamUnavailable

from huntaze_video.errors import TemporarySpaceShort

BLOCK = 64 * 1024
_LARGEST_REQUEST = 4 * 1024 * 1024
_AHEAD = 8 * 1024 * 1024
"""How far to fetch before it is asked for, when reading goes from front to back."""


class RangedSource(Protocol):
    """A file that is somewhere else and can be read in ranges."""

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        ...

    async def read(self, start: int, length: int) -> bytes:
        """Return ``length`` bytes from ``start``, all of them within the file."""
        ...


class Spool:
    """A remote file as far as it is here. Made by `open_spool` or `download_spool`."""

    def __init__(self, file: IO[bytes], size: int, source: RangedSource | None) -> None:
        self._file = file
        self._source = source
        self._blocks: dict[int, asyncio.Task[None]] = {}
        self._last_end = 0
        self.size = size
        """Bytes of the whole file."""
        self.fetched = size if source is None else 0
        """Bytes that were fetched."""

    @property
    def descriptor(self) -> int:
        """The descriptor of the local file; only what `require` has returned for may be read from it."""
        return self._file.fileno()

    async def require(self, start: int, length: int, *, ahead: bool = True) -> None:
        """Fetch what is missing of a range; return when it is here.

        ``ahead`` is for a reader that goes on to the end: what follows is fetched, too, and not waited for.

        Raises:
            UpstreamUnavailable: the source did not answer, or is another file by now.
        """
        end = min(start + length, self.size)
        goes_on = self._last_end > 0 and abs(start - self._last_end) <= BLOCK
        self._last_end = end
        needed = self._fetch(start, end)
        # Half of what is ahead may be used up before more is fetched: few large requests, not many small.
        if ahead and goes_on and not self._is_coming(end + _AHEAD // 2):
            self._fetch(end, min(end + _AHEAD, self.size))
        for task in needed:
            # Reading ahead may have begun what is waited for here: giving up must not take it along.
            await asyncio.shield(task)

    async def close(self) -> None:
        """Stop fetching."""
        tasks = set(self._blocks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_coming(self, position: int) -> bool:
        return min(position, self.size - 1) // BLOCK in self._blocks

    def _fetch(self, start: int, end: int) -> list[asyncio.Task[None]]:
        """See to it that all blocks of a range are here or on their way; return who brings them."""
        if self._source is None or start >= end:
            return []
        blocks = range(start // BLOCK, -(-end // BLOCK))
        for first, last in _runs([block for block in blocks if block not in self._blocks]):
            bring = self._bring(self._source, first * BLOCK, min((last + 1) * BLOCK, self.size))
            task = asyncio.create_task(bring)
            # Reading ahead has nobody who would look at its failure.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._blocks.update(dict.fromkeys(range(first, last + 1), task))
        return list(dict.fromkeys(self._blocks[block] for block in blocks))

    async def _bring(self, source: RangedSource, start: int, end: int) -> None:
        data = await source.read(start, end - start)
        if len(data) != end - start:
            raise UpstreamUnavailable(f"the source gave {len(data)} bytes where there were {end - start}")
        self.fetched += len(data)
        await asyncio.to_thread(os.pwrite, self.descriptor, data, start)


@asynccontextmanager
async def open_spool(source: RangedSource, *, directory: Path | None = None) -> AsyncGenerator[Spool]:
    """Open a place for a remote file, in ``directory`` or where the system keeps temporary files.

    Raises:
        TemporarySpaceShort: there is no room for it.
    """
    with _no_room_is_temporary(), tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        # Reserves the room, so that jobs that run side by side can't count on the same bytes.
        reserve = os.posix_fallocate if sys.platform == "linux" else _lengthen
        await asyncio.to_thread(reserve, file.fileno(), 0, max(1, source.size))
        spool = Spool(file, source.size, source)
        try:
            yield spool
        finally:
            await spool.close()


@asynccontextmanager
async def download_spool(
    chunks: AsyncIterable[bytes], *, directory: Path | None = None
) -> AsyncGenerator[Spool]:
    """Keep a whole file that can only be had from front to back.

    Raises:
        TemporarySpaceShort: there is no room for it.
    """
    with _no_room_is_temporary(), tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        size = 0
        async for chunk in chunks:
            await asyncio.to_thread(os.pwrite, file.fileno(), chunk, size)
            size += len(chunk)
        yield Spool(file, size, None)


@contextmanager
def open_local(path: Path) -> Generator[Spool]:
    """Open a file that is here already."""
    with path.open("rb", buffering=0) as file:
        yield Spool(file, os.fstat(file.fileno()).st_size, None)


def _lengthen(descriptor: int, start: int, length: int) -> None:
    os.ftruncate(descriptor, start + length)


@contextmanager
def _no_room_is_temporary() -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise TemporarySpaceShort("the disk has no room for the video") from error


def _runs(blocks: list[int]) -> Iterator[tuple[int, int]]:
    """Group ascending numbers into runs of neighbours, none longer than one request may be."""
    most = _LARGEST_REQUEST // BLOCK
    while blocks:
        length = 1
        while length < min(most, len(blocks)) and blocks[length] == blocks[0] + length:
            length += 1
        yield blocks[0], blocks[length - 1]
        blocks = blocks[length:]
