"""Let no child process outlive the process that started it, even one that is killed with -9."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def signal_when_parent_dies(signum: int) -> Callable[[], None] | None:
    """Make a ``preexec_fn`` after which the kernel sends ``signum`` to the child when its parent is gone.

    The kernel watches the thread that starts the child, so start it from one that lives as long as the
    process. Only Linux has this; elsewhere the answer is None, and the next start has to find what was left.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the child must not take locks
    parent = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return arm


def can_see_processes() -> bool:
    """Tell whether this system shows where processes work (Linux does, in /proc)."""
    return Path("/proc/self/cwd").exists()


async def stop_processes_in(directory: Path, *, within: float) -> None:
    """Stop all processes whose working directory is ``directory``, harder every ``within`` seconds."""
    clock = asyncio.get_running_loop().time
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        deadline = clock() + within
        for pid in _processes_in(directory):
            with suppress(ProcessLookupError):
                os.kill(pid, signum)
        while _processes_in(directory):
            if clock() > deadline:
                break
            await asyncio.sleep(0.02)
        else:
            return


def _processes_in(directory: Path) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # gone meanwhile, or of a user whom we may not look at
                if (entry / "cwd").readlink() == directory.resolve():
                    found.append(int(entry.name))
    return found
