"""The largest resident set of this process, readable from inside the confinement."""

import os
import re
import resource
import sys

# Opened at import, because a confined process may read an open file but open none.
_STATUS = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC) if sys.platform == "linux" else None


def peak_memory() -> int:
    """Return the most memory, in bytes, that this process has held at once.

    Linux hands getrusage's figure down through fork and exec, so it says what the parent held where that is
    more; the kernel's own mark (VmHWM, proc(5)) begins anew with each program.
    """
    if _STATUS is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    mark = re.search(rb"VmHWM:\s+(\d+) kB", os.pread(_STATUS, 1 << 14, 0))
    return int(mark[1]) << 10 if mark else 0
