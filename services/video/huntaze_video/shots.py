"""Find the boundaries between shots in a series of brightness thumbnails. Pure numpy.

The measure beneath everything is the *distance* of two thumbnails: the mean squared difference over the sum
of their variances (`distance`). It is 0 for equal pictures and near 1 for unrelated ones, whether bright or
dark, and a fade by half is only 0.2: contrast and exposure drop out of it.

A hard cut is a step: the nearest pair of frames across it is far apart while neighbours on either side are
close. Its score is the distance across less the largest distance of neighbours beside it, so that shaky and
panned takes, where all neighbours differ, do not reach the threshold. A flash returns to what was before, so
a frame some way behind it is close again.

A gradual transition is a slow way from one picture to another that stays between the two: in a dissolve each
pixel is a mixture of both, in a wipe it is one or the other. A pan leads through pictures that are neither.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from huntaze_video.extraction import TransitionKind
from huntaze_video.luma import Thumbnail

DEFAULT_THRESHOLD = 0.3

_NOISE = 40.0
"""Variance, in squared grey levels, below which a thumbnail counts as having no structure of its own."""
_FLASH_SECONDS = 0.35
_GRADUAL_SECONDS = 2.2
_BESIDE = 3
"""Neighbours on each side of a cut that show how much the takes move by themselves."""
_WINDOW = 1024
_MARGIN = 192

Series = NDArray[np.float32]


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
        """Set the sensitivity; a lower ``threshold`` reports weaker boundaries too."""
        self._frame_rate = frame_rate
        self._threshold = threshold
        self._thumbnails: list[Thumbnail] = []
        self._offset = 0
        self._boundaries: list[Boundary] = []

    def push(self, thumbnail: Thumbnail) -> None:
        """Take the next frame's thumbnail, in display order."""
        self._thumbnails.append(thumbnail)
        if len(self._thumbnails) == _WINDOW + 2 * _MARGIN:
            self._settle(_WINDOW + _MARGIN)
            del self._thumbnails[:_WINDOW]
            self._offset += _WINDOW

    def finish(self) -> list[Boundary]:
        """Return all boundaries, in order, after the last frame."""
        self._settle(len(self._thumbnails))
        return self._boundaries

    def _settle(self, until: int) -> None:
        """Keep what is found before ``until``, an index into the held thumbnails, and is not known yet."""
        done = self._boundaries[-1].last if self._boundaries else 0
        for boundary in find_boundaries(
            np.stack(self._thumbnails), frame_rate=self._frame_rate, threshold=self._threshold
        ):
            moved = boundary._replace(first=boundary.first + self._offset, last=boundary.last + self._offset)
            if boundary.last < until and moved.first >= done:
                self._boundaries.append(moved)


def find_boundaries(
    thumbnails: NDArray[np.uint8], *, frame_rate: float, threshold: float = DEFAULT_THRESHOLD
) -> list[Boundary]:
    """Return the boundaries whose score reaches ``threshold``.

    ``thumbnails``: (n, height, width) uint8.
    """
    if len(thumbnails) < 2:
        return []
    frames = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    cuts = _find_cuts(frames, frame_rate, threshold)
    return sorted(cuts + _find_gradual(frames, cuts, frame_rate, threshold))


def distance(one: Series, other: Series) -> Series:
    """Return how different two thumbnails are, per row: 0 for equal, about 1 for unrelated pictures.

    ``one`` and ``other``: (..., pixels) float32, grey levels.
    """
    shift = one.mean(-1) - other.mean(-1)
    error = ((one - other) ** 2).mean(-1)
    scale = one.var(-1) + other.var(-1) + shift**2 + _NOISE
    return (error / scale).astype(np.float32)


def _find_cuts(frames: Series, frame_rate: float, threshold: float) -> list[Boundary]:
    count = len(frames)
    step = np.zeros(count, np.float32)
    step[1:] = distance(frames[1:], frames[:-1])
    flash = max(2, round(_FLASH_SECONDS * frame_rate))
    found: list[Boundary] = []
    for at in np.flatnonzero(step >= threshold):
        beside = np.concatenate([step[max(1, at - _BESIDE) : at], step[at + 1 : at + 1 + _BESIDE]])
        if len(beside) and step[at] < beside.max():
            continue
        before = frames[max(0, at - _BESIDE) : at]
        after = frames[at : at + flash]
        across = float(distance(before[:, None], after[None]).min())
        quiet = float(np.sort(beside)[-2:].mean()) if len(beside) > 1 else 0.0
        score = min(1.0, across - 0.5 * quiet)
        if score >= threshold and not _is_end_of_flash(frames, int(at), flash, threshold):
            found.append(Boundary(int(at) - 1, int(at), TransitionKind.CUT, round(score, 4)))
    return found


def _is_end_of_flash(frames: Series, at: int, flash: int, threshold: float) -> bool:
    """Whether the pictures after ``at`` were there a moment before, so that the change is only a return."""
    earlier = frames[max(0, at - flash) : max(0, at - 1)]
    later = frames[at : at + _BESIDE]
    return bool(len(earlier)) and float(distance(earlier[:, None], later[None]).min()) < threshold / 2


def _find_gradual(
    frames: Series, cuts: list[Boundary], frame_rate: float, threshold: float
) -> list[Boundary]:
    """Look, between two cuts, for slow ways from one picture to another."""
    found: list[Boundary] = []
    edges = [0, *(cut.last for cut in cuts), len(frames)]
    for begin, end in pairwise(edges):
        found += [
            boundary._replace(first=boundary.first + begin, last=boundary.last + begin)
            for boundary in _gradual_in(frames[begin:end], frame_rate, threshold)
        ]
    return found


def _gradual_in(frames: Series, frame_rate: float, threshold: float) -> list[Boundary]:
    found: list[Boundary] = []
    count, longest = len(frames), round(_GRADUAL_SECONDS * frame_rate)
    if count < 8:
        return found
    lag = min(count - 1, max(4, round(0.4 * frame_rate)))
    apart = distance(frames[lag:], frames[:-lag])
    start = 0
    while start < len(apart):
        if apart[start] < threshold:
            start += 1
            continue
        stop = start
        while stop + 1 < len(apart) and apart[stop + 1] >= threshold:
            stop += 1
        middle = (start + stop + lag) // 2
        boundary = _confirm(frames, middle, longest, threshold)
        if boundary is not None and (not found or boundary.first >= found[-1].last):
            found.append(boundary)
        start = stop + 1
    return found


def _confirm(frames: Series, middle: int, longest: int, threshold: float) -> Boundary | None:
    """Measure the change around ``middle``; return it if it is a dissolve, a wipe or a fade."""
    begin, end = max(0, middle - longest // 2), min(len(frames) - 1, middle + longest // 2)
    old, new = frames[begin], frames[end]
    score = float(distance(old, new))
    if score < threshold:
        return None
    way = new - old
    share = (frames[begin : end + 1] - old) @ way / float(way @ way)
    inside = np.flatnonzero((share > 0.08) & (share < 0.92))
    if len(inside) < 3:
        return None
    first, last = begin + int(inside[0]) - 1, begin + int(inside[-1]) + 1
    between = frames[first + 1 : last]
    low, high = np.minimum(old, new), np.maximum(old, new)
    outside = np.maximum(low - between, 0) + np.maximum(between - high, 0)
    strayed = float((outside**2).mean() / ((way**2).mean() + _NOISE))
    mixed = old + np.clip(share[inside[0] : inside[-1] + 1, None], 0, 1)[: len(between)] * way
    blended = float(((between - mixed[: len(between)]) ** 2).mean() / ((way**2).mean() + _NOISE))
    if strayed > 0.06:
        return None
    if min(float(old.var()), float(new.var()), float(between.var(axis=1).min())) < _NOISE:
        kind = TransitionKind.FADE
    else:
        kind = TransitionKind.DISSOLVE if blended < 0.08 else TransitionKind.WIPE
    return Boundary(first, last, kind, round(min(1.0, score * (1 - strayed / 0.12)), 4))
