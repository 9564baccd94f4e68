"""Keep reduced copies of frames while a video streams by, so that none has to be decoded twice.

Seeking back for the chosen frames would decode half a group of pictures for each: with the encoders' usual
ten seconds between key frames that is half the video again. Instead, frames that may be chosen are scaled
down as they pass: those at scheduled times, and those that show something new once it stands still.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import av
import numpy as np
from PIL import Image

from huntaze_video.likeness import distance
from huntaze_video.luma import Thumbnail, is_blank
from huntaze_video.pictures import Reducer, square_size

_POOL_BYTES = 36 << 20
_BYTES_PER_PIXEL = 1.5  # yuv420p
_POSTPONED = 1.0
_RETRY_AFTER = 0.2
_NEW = 0.35
_STILL = 0.1
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Still:
    """A reduced copy of one frame and what decides whether it is worth showing."""

    time: float
    frame: av.VideoFrame
    thumbnail: Thumbnail
    sharpness: float

    @property
    def shows_something(self) -> bool:
        """Whether it is neither near black nor near uniform."""
        return not is_blank(self.thumbnail)


class StillPool:
    """Collect stills from the frames of one video, within a fixed amount of memory."""

    def __init__(
        self, scheduled: Sequence[float], *, news: int, sample_aspect_ratio: Fraction | None
    ) -> None:
        """Plan to keep a frame at each time of ``scheduled`` and up to ``news`` others."""
        self._due = sorted(scheduled)
        self._news = news
        self._aspect = sample_aspect_ratio
        pixels = _POOL_BYTES / _BYTES_PER_PIXEL / (len(self._due) + news)
        self._pixels = min(pixels, 2048 * 1152)
        self._size: tuple[int, int] | None = None
        self._reducer = Reducer()
        self._kept: list[Still] = []
        self._new: list[Still] = []
        self._previous: Thumbnail | None = None
        self._latest: tuple[float, Thumbnail] | None = None
        self._retry_at = 0.0
        self._last: tuple[float, av.VideoFrame, Thumbnail] | None = None

    def offer(self, time: float, frame: av.VideoFrame, thumbnail: Thumbnail) -> None:
        """Look at the next frame and keep a copy if it may be wanted."""
        if self._is_due(time, thumbnail):
            self._kept.append(self._copy(time, frame, thumbnail))
        elif self._is_news(time, thumbnail):
            self._new.append(self._copy(time, frame, thumbnail))
            if len(self._new) > self._news:
                self._thin_out()
        self._previous = thumbnail
        self._last = (time, frame, thumbnail)

    def finish(self) -> list[Still]:
        """Return the stills in order of time; what was due after the end gets the last frame."""
        if self._due and self._last is not None:
            self._kept.append(self._copy(*self._last))
        by_time = {still.time: still for still in self._new + self._kept}
        self._new, self._kept, self._last = [], [], None
        return [by_time[time] for time in sorted(by_time)]

    def _is_due(self, time: float, thumbnail: Thumbnail) -> bool:
        if not self._due or time < self._due[0] or time < self._retry_at:
            return False
        if is_blank(thumbnail) and time - self._due[0] < _POSTPONED:
            self._retry_at = time + _RETRY_AFTER
            return False
        while self._due and self._due[0] <= time:
            self._due.pop(0)
        return True

    def _is_news(self, time: float, thumbnail: Thumbnail) -> bool:
        if self._latest is None or self._previous is None:
            return True
        since, latest = self._latest
        return (
            time - since >= _PAUSE
            and _apart(thumbnail, latest) >= _NEW
            and _apart(thumbnail, self._previous) < _STILL
            and not is_blank(thumbnail)
        )

    def _thin_out(self) -> None:
        """Drop the still whose neighbours are closest together: the rest stay spread over the video."""
        times = [still.time for still in self._new]
        gaps = [after - before for before, after in zip(times, times[2:], strict=False)]
        del self._new[1 + gaps.index(min(gaps))]

    def _copy(self, time: float, frame: av.VideoFrame, thumbnail: Thumbnail) -> Still:
        self._latest = (time, thumbnail)
        if self._size is None:
            self._size = self._reduced_size(frame)
        reduced = self._reducer.reduce(frame, self._size)
        return Still(time, reduced, thumbnail, _sharpness(reduced))

    def _reduced_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        width, height = square_size(frame, self._aspect)
        scale = min(1.0, sqrt(self._pixels / (width * height)))
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def difference_hash(thumbnail: Thumbnail) -> str:
    """Return 64 bits in hexadecimal, each telling whether a spot is brighter than its left neighbour."""
    small = np.asarray(Image.fromarray(thumbnail).resize((9, 8), Image.Resampling.BOX), np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def _apart(one: Thumbnail, other: Thumbnail) -> float:
    return float(distance(one.ravel().astype(np.float32), other.ravel().astype(np.float32)))


def _sharpness(frame: av.VideoFrame) -> float:
    """Return the mean square of second differences along, and first differences between, every fourth row."""
    plane = frame.planes[0]
    luma = np.frombuffer(memoryview(plane), _luma_type(frame)).reshape(frame.height, -1)[:, : frame.width]
    rows, below = (luma[first : luma.shape[0] - 1 + first : 4].astype(np.float32) for first in (0, 1))
    if rows.shape[0] == 0 or rows.shape[1] < 3:
        return 0.0
    along = 2 * rows[:, 1:-1] - rows[:, :-2] - rows[:, 2:]
    power = float(np.square(along).mean() + np.square(rows - below).mean())
    return round(power / 16.0 if luma.itemsize == 2 else power, 3)


def _luma_type(frame: av.VideoFrame) -> str:
    return "<u2" if frame.format.components[0].bits > 8 else "u1"
