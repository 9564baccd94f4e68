"""One worker step from outside: a video in ranges in, everything out, through the decoding process.

``python bench/video/step.py FILE detection|everything exact|fast|preview``: the smallest program around
`huntaze_video.decoder.process.extract`, for `speed.py` to time as a whole. The file is read as a remote one.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from time import process_time

import msgspec
from huntaze_video.decoder.process import extract
from huntaze_video.extraction import ExtractRequest, Limits, Mode
from huntaze_video.spool import open_spool


class RangedFile:
    """A local file, read in ranges as a remote one is."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size = path.stat().st_size

    async def read(self, start: int, length: int) -> bytes:
        """Return a range."""
        return os.pread(self._descriptor, length, start)


async def main(path: Path, scope: str, mode: str) -> None:
    """Extract, and print what it cost."""
    everything = scope == "everything"
    request = ExtractRequest(mode=Mode(mode), sound=everything, storyboard=everything, hook_frames=everything)
    source = RangedFile(path)
    began = process_time()
    async with open_spool(source) as spool:
        found = await extract(spool, request, limits=Limits(threads=2), on_progress=lambda _: None)
    summary = {
        "shots": len(found.transitions) + 1,
        "fetched": spool.fetched / source.size,
        "service_cpu_seconds": process_time() - began,
    }
    print(json.dumps({**summary, **msgspec.to_builtins(found.cost)}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
