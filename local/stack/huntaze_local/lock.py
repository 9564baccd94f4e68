"""One user at a time for a directory."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class InUse(Exception):
    """Another process has it; the message says which."""


@contextmanager
def held(path: Path) -> Generator[None]:
    """Hold the lock file ``path`` during the block. The kernel drops it when we die, however we die.

    Raises:
        InUse: naming the process that holds it.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUse(
                f"{path.parent} is in use by process {file.read().strip() or '?'}. "
                "Stop that one first (Ctrl-C where it runs), or use another directory."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
