"""Find hard cuts in a series of brightness thumbnails. Pure numpy.

A cut is one step between pictures that have nothing to do with each other. Four things look like it and are
not: a flash, whose end brings back what was before; a whip pan or a shake, where all neighbours differ too;
a caption or a passer-by, who leaves part of the picture alone; and a camera that jumps within the same place,
where shifted blocks still match.
"""

from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from huntaze_video.likeness import Series, nearest, share_changed, steps, unexplained

_FLASH_SECONDS = 0.35
"""Longest flash; also the shortest shot that returns to the same place and is still told apart."""
_BESIDE = 6
"""Neighbouring steps on each side that show how much the takes move by themselves."""
_CLOSE = 2
_PEAK = 0.9
_MOST_BLOCKS = 0.85
_REACH = 6
# The factors set the scale on which 0.3 is a good threshold; tuned in bench/video.
_PER_CONTRAST = 0.7
_PER_UNEXPLAINED = 1.5
_PLAIN_CONTRAST = 0.35


class Cut(NamedTuple):
    """A hard cut: ``at`` is the first frame of the new shot."""

    at: int
    score: float


def find_cuts(thumbnails: NDArray[np.uint8], *, frame_rate: float, threshold: float) -> list[Cut]:
    """Return the cuts whose score reaches ``threshold``. ``thumbnails``: (n, height, width) uint8."""
    frames = thumbnails.reshape(len(thumbnails), -1)
    changes = steps(frames)
    flash = max(3, round(_FLASH_SECONDS * frame_rate))
    found: list[Cut] = []
    for at in np.flatnonzero(changes >= threshold / _PER_CONTRAST).tolist():
        contrast = _contrast(frames, changes, at, flash)
        if _PER_CONTRAST * contrast < threshold:
            continue
        old, new = thumbnails[at - 1 : at + 1].astype(np.float32)
        if share_changed(old, new) < _MOST_BLOCKS:
            continue
        # Pictures without texture match anywhere; for those, a large step between still takes is enough.
        strange = max(_PER_UNEXPLAINED * unexplained(old, new, reach=_REACH), contrast - _PLAIN_CONTRAST)
        score = min(1.0, _PER_CONTRAST * contrast, strange)
        if score >= threshold:
            found.append(Cut(at, round(score, 4)))
    return found


def _contrast(frames: NDArray[np.uint8], changes: Series, at: int, flash: int) -> float:
    """Return how far apart the two sides are, less how far neighbours are apart anyway; 0 if no peak."""
    beside = np.concatenate([changes[max(1, at - _BESIDE) : at], changes[at + 1 : at + 1 + _BESIDE]])
    around = changes[max(1, at - _CLOSE) : at + 1 + _CLOSE]
    if changes[at] < around.max() or (beside.size and changes[at] < _PEAK * beside.max()):
        return 0.0
    quiet = median(beside.tolist()) if beside.size else 0.0
    before, after = frames[max(0, at - flash) : at], frames[at : at + flash]
    return nearest(before.astype(np.float32), after.astype(np.float32)) - quiet
