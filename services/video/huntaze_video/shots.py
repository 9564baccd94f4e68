"""Find the boundaries between shots in a stream of brightness thumbnails. Pure numpy.

Scores are on one scale for all kinds of boundary, on which 0.3 is a good threshold: at 0.3, two halves of a
benchmark of real takes (bench/video) gave the best balance of what is missed and what is found wrongly.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from huntaze_video.cuts import find_cuts
from huntaze_video.extraction import TransitionKind
from huntaze_video.gradual import LONGEST, Gradual, find_mixes, find_wipes
from huntaze_video.luma import FLAT, Thumbnail

DEFAULT_THRESHOLD = 0.3

_WINDOW = 768
_MARGIN_SECONDS = 1.6 * LONGEST
_TOUCHING = 2


class Boundary(NamedTuple):
    """Where one shot gives way to the next, in frame numbers.

    ``first`` is the last frame wholly of the old shot and ``last`` the first wholly of the new one.
    """

    first: int
    last: int
    kind: TransitionKind
    score: float


class ShotDetector:
    """Find boundaries in a stream of thumbnails, holding a bounded number of them."""

    def __init__(self, *, frame_rate: float, threshold: float = DEFAULT_THRESHOLD) -> None:
        """Set the highest rate to expect, and the sensitivity: a lower ``threshold`` reports more."""
        self._frame_rate = frame_rate
        self._threshold = threshold
        self._margin = max(32, ceil(_MARGIN_SECONDS * frame_rate))
        self._window = max(_WINDOW, 4 * self._margin)
        self._thumbnails: list[Thumbnail] = []
        self._times: list[float] = []
        self._offset = 0
        self._boundaries: list[Boundary] = []
        self._shown: tuple[int, int] | None = None
        """First and last frame that show something."""

    def push(self, thumbnail: Thumbnail, time: float) -> None:
        """Take the next frame's thumbnail and time, in display order."""
        if thumbnail.std() >= FLAT:
            number = self._offset + len(self._thumbnails)
            self._shown = (number if self._shown is None else self._shown[0], number)
        self._thumbnails.append(thumbnail)
        self._times.append(time)
        if len(self._thumbnails) == self._window + 2 * self._margin:
            self._settle(self._window + self._margin)
            del self._thumbnails[: self._window], self._times[: self._window]
            self._offset += self._window

    def finish(self) -> list[Boundary]:
        """Return all boundaries, in order, after the last frame.

        The way out of the blank pictures at the very start, and into those at the end, is none.
        """
        self._settle(len(self._thumbnails))
        first, last = self._shown or (0, 0)
        return [found for found in self._boundaries if found.first >= first and found.last <= last]

    def _settle(self, until: int) -> None:
        """Keep what is found before ``until``, an index into the held thumbnails, and is not known yet."""
        if len(self._thumbnails) < 2:
            return
        done = self._boundaries[-1].last if self._boundaries else 0
        held = np.stack(self._thumbnails)
        # Of what is held, because rates vary and not every frame may have been decoded.
        rate = (len(held) - 1) / max(1e-3, self._times[-1] - self._times[0])
        for found in find_boundaries(held, frame_rate=min(rate, self._frame_rate), threshold=self._threshold):
            moved = found._replace(first=found.first + self._offset, last=found.last + self._offset)
            if found.last < until and moved.first >= done:
                self._boundaries.append(moved)


def find_boundaries(
    thumbnails: NDArray[np.uint8], *, frame_rate: float, threshold: float = DEFAULT_THRESHOLD
) -> list[Boundary]:
    """Return the boundaries whose score reaches ``threshold``.

    ``thumbnails``: (n, height, width) uint8, at least two.
    """
    mixes = find_mixes(thumbnails, frame_rate=frame_rate, threshold=threshold)
    cuts = [
        Boundary(cut.at - 1, cut.at, TransitionKind.CUT, cut.score)
        for cut in find_cuts(thumbnails, frame_rate=frame_rate, threshold=threshold)
        if not _within_fade(cut.at, mixes)
    ]
    wipes = find_wipes(thumbnails, [cut.last for cut in cuts], frame_rate=frame_rate, threshold=threshold)
    slow = [*mixes, *(wipe for wipe in wipes if not any(_touch(wipe, mix) for mix in mixes))]
    # What looks like a slow transition around a hard cut is the cut.
    kept = [
        Boundary(*found)
        for found in slow
        if found.kind is TransitionKind.FADE or not any(_touch(found, cut) for cut in cuts)
    ]
    return sorted(cuts + kept)


def _within_fade(at: int, mixes: Sequence[Gradual]) -> bool:
    return any(mix.kind is TransitionKind.FADE and mix.first < at <= mix.last for mix in mixes)


def _touch(one: Gradual, other: Gradual | Boundary) -> bool:
    return one.first - _TOUCHING <= other.last and other.first <= one.last + _TOUCHING
