"""Look at a video once, from its first frame to its last, and gather all that is needed of it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import av
import numpy as np

from huntaze_video.extraction import (
    ExtractRequest,
    MediaInfo,
    Mode,
    Progress,
    Sound,
    Storyboard,
    Transition,
)
from huntaze_video.keyframes import schedule
from huntaze_video.luma import LumaSampler, Thumbnail
from huntaze_video.measures import Watch, hear
from huntaze_video.media import Media
from huntaze_video.pictures import displayed_size
from huntaze_video.shots import Boundary, ShotDetector
from huntaze_video.stills import Still, StillPool
from huntaze_video.storyboard import Storyboarder

_REPORT_EVERY = 0.2
_OF_ITS_OWN_ACCORD = 0.95
"""Share of the longest group of pictures; an encoder that begins a new one sooner has seen a new picture."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was gathered of one video."""

    media: MediaInfo
    transitions: tuple[Transition, ...]
    stills: list[Still]
    watch: Watch
    storyboard: Storyboard | None
    sound: Sound | None


class Viewing:
    """One pass over a video."""

    def __init__(self, media: Media, request: ExtractRequest, report: Callable[[Progress], None]) -> None:
        """Plan what to keep, by the duration that the media announces."""
        count = request.rows * request.cols
        self._media = media
        self._request = request
        self._report = report
        self._length = max(media.duration, 1e-3)
        self._rate = media.frame_rate
        self._whole = request.mode is not Mode.PREVIEW
        self._first: av.VideoFrame | None = None
        self._previous: Thumbnail | None = None
        self._times: list[float] = []
        self._key_times: list[float] = []
        self._watch = Watch(media.duration)
        self._board = Storyboarder(media.duration) if request.storyboard else None
        self._detector = ShotDetector(frame_rate=self._rate, threshold=request.threshold)
        self._sampler = LumaSampler()
        self._pool = StillPool(
            schedule(media.duration, self._rate, count, hooks=request.hook_frames),
            news=count + 4,
            sample_aspect_ratio=media.sample_aspect_ratio,
        )

    def run(self) -> Seen:
        """Decode to the end and return what was seen."""
        media, reported = self._media, monotonic()
        for time, frame in media.frames(with_sound=self._request.sound):
            self._look(time, frame)
            if monotonic() - reported >= _REPORT_EVERY:
                reported = monotonic()
                self._report(Progress(share=min(1.0, time / self._length), time=time))
        assert self._first is not None  # `Media.frames` yields one or raises
        if not self._whole:
            self._hold(media.duration)
        meter, duration = media.sound, media.duration
        return Seen(
            media=media.describe(self._first, frames=media.frames_decoded),
            transitions=tuple(self._transition(found) for found in self._boundaries()),
            stills=self._pool.finish(),
            watch=self._watch,
            storyboard=self._board.finish(duration) if self._board is not None else None,
            sound=hear(meter.curve, meter.integrated, duration) if meter and meter.curve else None,
        )

    def _look(self, time: float, frame: av.VideoFrame) -> None:
        self._first = self._first or frame
        thumbnail = self._sampler.sample(frame)
        motion = None
        if not self._whole:
            self._hold(time)
            self._key_times.append(time)
        elif self._previous is not None:
            motion = float(np.abs(thumbnail.astype(np.int16) - self._previous).mean())
        self._times.append(time)
        self._detector.push(thumbnail, time)
        self._pool.offer(time, frame, thumbnail)
        if self._board is not None:
            self._board.offer(time, frame, displayed_size(frame, self._media.sample_aspect_ratio))
        self._watch.see(time, light=float(thumbnail.mean()), motion=motion)
        self._previous = thumbnail

    def _hold(self, until: float) -> None:
        """Let the last key frame stand for the frames after it that were not decoded."""
        while self._previous is not None and self._times[-1] + 1.5 / self._rate < until:
            self._times.append(self._times[-1] + 1.0 / self._rate)
            self._detector.push(self._previous, self._times[-1])

    def _boundaries(self) -> list[Boundary]:
        found = self._detector.finish()
        if self._whole:
            return found
        gaps = np.diff([*self._key_times, self._media.duration])
        sooner = {
            time
            for time, gap in zip(self._key_times[1:], gaps, strict=False)
            if gap < _OF_ITS_OWN_ACCORD * gaps.max()
        }
        return [boundary for boundary in found if self._times[boundary.last] in sooner]

    def _transition(self, boundary: Boundary) -> Transition:
        start, time = self._times[boundary.first], self._times[boundary.last]
        exact = self._request.mode is Mode.EXACT
        return Transition(
            kind=boundary.kind,
            start_frame=boundary.first if exact else round(start * self._rate),
            end_frame=boundary.last if exact else round(time * self._rate),
            start=round(start, 6),
            time=round(time, 6),
            score=boundary.score,
        )
