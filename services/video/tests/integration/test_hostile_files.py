"""Hostile files through the decoding process: an answer or a named error for each, in time and in bounds."""

from collections import Counter
from itertools import cycle
from pathlib import Path
from time import monotonic

import hostile
import pytest
from huntaze_video.decoder.process import extract
from huntaze_video.errors import DecoderStopped, MediaRefused
from huntaze_video.extraction import ExtractRequest, Limits, Mode
from huntaze_video.spool import open_local

LIMITS = Limits(wall_seconds=20.0, cpu_seconds=10, address_space=2 << 30, pixels=4096 * 2304)
MOST_MEMORY = 400 << 20


@pytest.mark.timeout(1200)
async def test_every_hostile_file_gets_an_answer(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """No crash reaches the service, nothing hangs, and every failure has its class."""
    count = 320 if request.config.getoption("--faults", default=False) else 24
    outcomes: Counter[str] = Counter()
    for path, mode in zip(hostile.make_corpus(tmp_path, count), cycle(Mode), strict=False):
        began = monotonic()
        asked = ExtractRequest(mode=mode)
        with open_local(path) as source:
            try:
                found = await extract(source, asked, limits=LIMITS, on_progress=lambda _: None)
            except (MediaRefused, DecoderStopped) as error:
                outcomes[error.code] += 1
            else:
                outcomes["extracted"] += 1
                assert found.keyframes, path.name
                assert found.cost.peak_memory < MOST_MEMORY, path.name
        assert monotonic() - began < LIMITS.wall_seconds + 2, path.name
    print(dict(outcomes))
    assert outcomes["media_refused"] == outcomes["decoder_stopped"] == 0
    assert outcomes["media_unsupported"] >= len(hostile.PLAYLISTS)
    assert outcomes["extracted"] > 0
