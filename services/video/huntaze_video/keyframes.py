"""Choose the frames that show a video: the starts of its strongest shots, its two ends, an even spread."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from huntaze_video.extraction import FramePosition
from huntaze_video.luma import Thumbnail

ANCHORS = (
    (FramePosition.BEGINNING, 0.02),
    (FramePosition.QUARTER, 0.25),
    (FramePosition.HALF, 0.50),
    (FramePosition.THREE_QUARTER, 0.75),
    (FramePosition.END, 0.98),
)
HOOK_TIMES = (0.0, 1.0, 2.0, 3.0)

_FROM_FRAME_END = 1.5
"""Frames before the end at which the last one can be asked for: nearer, some decoders deliver none."""
_SAME = 4
"""Largest difference, in grey levels, anywhere on the thumbnails of frames that count as one picture."""
_SHOT_HEAD = 1.0
"""Seconds of a shot within which a frame stands for its beginning."""
_BLURRED = 0.5
"""Share of its shot's median sharpness below which a frame is passed over."""


class Candidate(NamedTuple):
    """A frame that could be chosen."""

    time: float
    thumbnail: Thumbnail
    sharpness: float
    shows_something: bool


class Cut(NamedTuple):
    """A boundary in time: the old shot ends at ``start``, the new one is there from ``end``."""

    start: float
    end: float
    score: float


class Choice(NamedTuple):
    """One chosen frame, by its index among the candidates."""

    candidate: int
    position: FramePosition
    requested: float
    scene_score: float | None


def anchor_times(duration: float, frame_rate: float) -> list[tuple[FramePosition, float]]:
    """Return the five fixed positions, held inside the video: ``min(p·D, D − 1.5/fps)``, never below 0."""
    latest = max(0.0, duration - _FROM_FRAME_END / frame_rate)
    return [(position, min(share * duration, latest)) for position, share in ANCHORS]


def schedule(duration: float, frame_rate: float, count: int, *, hooks: bool) -> list[float]:
    """Return the times at which to keep a frame, so that ``count`` can be chosen afterwards."""
    latest = max(0.0, duration - _FROM_FRAME_END / frame_rate)
    even = [min((index + 0.5) * duration / (2 * count), latest) for index in range(2 * count)]
    anchors = [time for _, time in anchor_times(duration, frame_rate)]
    first = [min(time, latest) for time in HOOK_TIMES] if hooks and duration >= HOOK_TIMES[-1] else []
    return sorted({*even, *anchors, *first})


def choose(
    candidates: Sequence[Candidate], cuts: Sequence[Cut], *, duration: float, frame_rate: float, count: int
) -> list[Choice]:
    """Choose up to ``count`` different frames, in order of time.

    Both ends come first, then the first good frame after each cut by the cut's score, then the quarters, then
    whatever fills the widest gap. Fewer come back when the video has not that many different pictures.
    """
    selection = _Selection(candidates, cuts, max(0.5, duration / (4 * count)))
    anchors = anchor_times(duration, frame_rate)
    if count == 1:
        selection.take_nearest(*anchors[2])
        return selection.ordered()
    for position, time in (anchors[0], anchors[-1]):
        selection.take_nearest(position, time)
    for cut in sorted(cuts, key=lambda cut: -cut.score):
        if len(selection.chosen) < count:
            selection.take_after(cut, until=_next_start(cuts, cut, duration))
    for position, time in anchors[1:-1]:
        if len(selection.chosen) < count:
            selection.take_nearest(position, time, spaced=True)
    while len(selection.chosen) < count and selection.fill_widest_gap():
        pass
    return selection.ordered()


class _Selection:
    """The choice as it grows, and the rules that each further frame must keep."""

    def __init__(self, candidates: Sequence[Candidate], cuts: Sequence[Cut], gap: float) -> None:
        self._all = candidates
        self._gap = gap
        self.chosen: dict[int, Choice] = {}
        shown = _presentable(candidates, cuts)
        sharp = _without_blur(candidates, shown, cuts)
        # A video that is dark throughout still has a sheet of its dark frames.
        self._usable = sharp or shown or list(range(len(candidates)))

    def take_nearest(self, position: FramePosition, time: float, *, spaced: bool = False) -> None:
        """Choose the usable frame nearest to ``time``; with ``spaced``, only where there is a gap."""
        if spaced and min(abs(time - self._all[i].time) for i in self.chosen) < self._gap:
            return
        open_ones = [i for i in self._usable if self._is_new(i)]
        if open_ones:
            best = min(open_ones, key=lambda i: abs(self._all[i].time - time))
            self.chosen[best] = Choice(best, position, time, None)

    def take_after(self, cut: Cut, *, until: float) -> None:
        """Choose the sharpest frame from the head of the shot that begins with ``cut``."""
        head = min(until, cut.end + _SHOT_HEAD)
        open_ones = [
            i
            for i in self._usable
            if cut.end <= self._all[i].time < head and self._is_new(i) and self._room(i) >= self._gap
        ]
        if open_ones:
            best = max(open_ones, key=lambda i: self._all[i].sharpness)
            self.chosen[best] = Choice(best, FramePosition.SCENE, cut.end, cut.score)

    def fill_widest_gap(self) -> bool:
        """Choose the usable frame that is farthest from all chosen ones; return whether there was one."""
        open_ones = [i for i in self._usable if self._is_new(i)]
        if not open_ones:
            return False
        best = max(open_ones, key=self._room)
        self.chosen[best] = Choice(best, FramePosition.FILL, self._all[best].time, None)
        return True

    def ordered(self) -> list[Choice]:
        """Return the choices in order of time."""
        return [self.chosen[i] for i in sorted(self.chosen, key=lambda i: self._all[i].time)]

    def _room(self, index: int) -> float:
        time = self._all[index].time
        return min((abs(time - self._all[i].time) for i in self.chosen), default=float("inf"))

    def _is_new(self, index: int) -> bool:
        thumbnail = self._all[index].thumbnail.astype(np.int16)
        return index not in self.chosen and all(
            int(np.abs(thumbnail - self._all[i].thumbnail).max()) > _SAME for i in self.chosen
        )


def choose_cover(candidates: Sequence[Candidate], cuts: Sequence[Cut]) -> int:
    """Return the index of the frame that represents the video best: sharp, rich in contrast, well lit."""
    usable = _presentable(candidates, cuts) or list(range(len(candidates)))

    def appeal(index: int) -> float:
        candidate = candidates[index]
        contrast = float(candidate.thumbnail.std())
        lit = 1.0 - abs(float(candidate.thumbnail.mean()) - 118.0) / 137.0
        return (contrast + 1.0) * max(lit, 0.05) * (candidate.sharpness + 1.0) ** 0.25

    return max(usable, key=appeal)


def _presentable(candidates: Sequence[Candidate], cuts: Sequence[Cut]) -> list[int]:
    """Return the frames that are neither blank nor in the middle of a transition."""
    return [i for i, c in enumerate(candidates) if c.shows_something and not _in_transition(c.time, cuts)]


def _without_blur(candidates: Sequence[Candidate], among: Sequence[int], cuts: Sequence[Cut]) -> list[int]:
    """Return those of ``among`` that are not much softer than the other frames of their shot."""
    shots: dict[int, list[int]] = {}
    for index in among:
        shots.setdefault(sum(cut.end <= candidates[index].time for cut in cuts), []).append(index)
    return [
        index
        for shot in shots.values()
        for floor in (_BLURRED * median(candidates[i].sharpness for i in shot),)
        for index in shot
        if candidates[index].sharpness >= floor
    ]


def _in_transition(time: float, cuts: Sequence[Cut]) -> bool:
    return any(cut.start < time < cut.end for cut in cuts)


def _next_start(cuts: Sequence[Cut], cut: Cut, duration: float) -> float:
    return min((other.start for other in cuts if other.start > cut.end), default=duration + 1.0)
