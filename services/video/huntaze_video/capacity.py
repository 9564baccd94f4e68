"""How many videos may be decoded side by side, by the memory and processors of this machine or container."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from huntaze_common.errors import RetryLater

MEMORY_PER_DECODER = 400 << 20
"""Peak of the decoding process at 4K, measured in bench/video, and some room."""
_FOR_THE_REST = 256 << 20
_LIMIT_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_PATIENCE = 30.0


class DecodersBusy(RetryLater):
    """As many videos are being decoded as there is memory for."""

    code = "decoders_busy"


class DecoderSlots:
    """Lets a fixed number of jobs decode at a time."""

    def __init__(self, count: int, *, patience: float = _PATIENCE) -> None:
        """Let ``count`` jobs decode; others wait for ``patience`` seconds and are then sent away."""
        self.count = count
        self._semaphore = asyncio.Semaphore(count)
        self._patience = patience

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Hold a slot.

        Raises:
            DecodersBusy: none became free.
        """
        try:
            await asyncio.wait_for(self._semaphore.acquire(), self._patience)
        except TimeoutError:
            raise DecodersBusy("all decoders are busy", after=15) from None
        try:
            yield
        finally:
            self._semaphore.release()


def decoders_for(memory: int, processors: int) -> int:
    """Return how many decoders fit: one per processor at most, and one at least."""
    return max(1, min(processors, (memory - _FOR_THE_REST) // MEMORY_PER_DECODER))


def available_memory() -> int:
    """Return the bytes that this machine, or the container around this process, has."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [path.read_text().strip() for path in _LIMIT_FILES if path.exists()]
    return min([physical, *(int(limit) for limit in limits if limit.isdecimal())])
