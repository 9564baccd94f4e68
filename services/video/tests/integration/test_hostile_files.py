"""Hostile files through the decoding process: an answer or a named error for each, in time and in bounds."""

import resource
from collections import Counter
from pathlib import Path
from time import monotonic

import hostile
import pytest
from huntaze_video.decoder.process import extract
from huntaze_video.errors import DecoderStopped, MediaRefused
from huntaze_video.extraction import ExtractRequest, Limits
from huntaze_video.spool import open_local

LIMITS = Limits(wall_seconds=20.0, cpu_seconds=10, address_space=2 << 30, pixels=4096 * 2304)
MOST_MEMORY = 400 << 20


@pytest.mark.timeout(1200)
async def test_every_hostile_file_gets_an_answer(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """No crash reaches the service, nothing hangs, and every failure has its class."""
    count = 320 if request.config.getoption("--faults", default=False) else 24
    outcomes: Counter[str] = Counter()
    for path in hostile.make_corpus(tmp_path, count):
        began = monotonic()
        with open_local(path) as source:
            try:
                found = await extract(source, ExtractRequest(), limits=LIMITS, on_progress=lambda _: None)
            except (MediaRefused, DecoderStopped) as error:
                outcomes[error.code] += 1
            else:
                outcomes["extracted"] += 1
                assert found.keyframes, path.name
                # On Linux a child's figure is never below that of the process that started it: of this one.
                ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                assert found.cost.peak_memory < max(MOST_MEMORY, ours + (64 << 20)), path.name
        assert monotonic() - began < LIMITS.wall_seconds + 2, path.name
    print(dict(outcomes))
    assert outcomes["media_refused"] == outcomes["decoder_stopped"] == 0
    assert outcomes["media_unsupported"] >= len(hostile.PLAYLISTS)
    assert outcomes["extracted"] > 0
