"""The decoding process's view of its input: an inherited file of which the service fetches what is needed."""

import io
import os
from collections.abc import Callable

READ_AT_LEAST = 1 << 16


class RemoteFile(io.RawIOBase):
    """A seekable binary file. Ranges that are not here yet are asked for and waited for."""

    def __init__(self, descriptor: int, size: int, require: Callable[[int, int], None]) -> None:
        """Read from ``descriptor``; ``require(start, length)`` returns when a range can be read."""
        super().__init__()
        self._descriptor = descriptor
        self._size = size
        self._require = require
        self._here: list[tuple[int, int]] = []
        self._position = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` bytes from the start, the position or the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; fewer at the end only."""
        end = self._size if size < 0 else min(self._position + size, self._size)
        if end <= self._position:
            return b""
        self._wait_for(self._position, end)
        data = os.pread(self._descriptor, end - self._position, self._position)
        self._position += len(data)
        return data

    def _wait_for(self, start: int, end: int) -> None:
        if any(first <= start and end <= last for first, last in self._here):
            return
        end = min(max(end, start + READ_AT_LEAST), self._size)
        self._require(start, end - start)
        # Ranges that touch become one, so that the list stays as short as there were jumps.
        touching = [span for span in self._here if span[0] <= end and start <= span[1]]
        apart = [span for span in self._here if span not in touching]
        joined = (min([start, *(s for s, _ in touching)]), max([end, *(e for _, e in touching)]))
        self._here = [*apart, joined]
