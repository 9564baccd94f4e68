"""From an open file to everything we take out of it, in one pass of decoding."""

import resource
import sys
from collections.abc import Callable, Sequence
from io import RawIOBase
from time import monotonic, process_time

import av
import numpy as np
from PIL import Image as Pillow

from huntaze_video import grid
from huntaze_video.extraction import (
    Cost,
    Extraction,
    ExtractRequest,
    FramePosition,
    Grid,
    Image,
    ImageFormat,
    Keyframe,
    Limits,
    Measures,
    Progress,
    Transition,
)
from huntaze_video.keyframes import (
    HOOK_TIMES,
    Candidate,
    Choice,
    Cut,
    choose,
    choose_cover,
    schedule,
)
from huntaze_video.luma import LumaSampler, Thumbnail
from huntaze_video.measures import Watch, hear, summarise, swatch
from huntaze_video.media import Media
from huntaze_video.pictures import displayed_size, to_picture
from huntaze_video.shots import Boundary, ShotDetector
from huntaze_video.stills import Still, StillPool, difference_hash
from huntaze_video.storyboard import Storyboarder

_REPORT_EVERY = 0.2
_MISJUDGED = 0.1
"""Share by which the announced duration may be wrong before the video is decoded again with the true one."""


def extract(
    source: RawIOBase, request: ExtractRequest, limits: Limits, report: Callable[[Progress], None]
) -> Extraction:
    """Decode ``source`` once and return its shots, chosen frames, grid, storyboard and measures.

    Raises:
        MediaRefused: in one of its kinds; see `huntaze_video.errors`.
    """
    began = monotonic()
    media = Media(source, limits)
    try:
        announced = media.duration
        viewing = _Viewing(media, request, report)
        viewing.run()
        if abs(media.duration - announced) > _MISJUDGED * max(announced, media.duration):
            # The frames to keep were planned for another length: plan again with what was found.
            media.rewind()
            viewing = _Viewing(media, request, report)
            viewing.run()
        return _Composition(viewing).extraction(began)
    finally:
        media.close()


class _Viewing:
    """One pass over all frames, and what is gathered on the way."""

    def __init__(self, media: Media, request: ExtractRequest, report: Callable[[Progress], None]) -> None:
        count = request.rows * request.cols
        self.media = media
        self.request = request
        self.times: list[float] = []
        self.first: av.VideoFrame | None = None
        self.boundaries: list[Boundary] = []
        self.stills: list[Still] = []
        self.watch = Watch(media.duration)
        self.storyboarder = Storyboarder(media.duration) if request.storyboard else None
        self._report = report
        self._length = max(media.duration, 1e-3)
        self._detector = ShotDetector(frame_rate=media.frame_rate, threshold=request.threshold)
        self._sampler = LumaSampler()
        self._pool = StillPool(
            schedule(media.duration, media.frame_rate, count, hooks=request.hook_frames),
            news=count + 4,
            sample_aspect_ratio=media.sample_aspect_ratio,
        )

    def run(self) -> None:
        """Decode to the end."""
        reported = monotonic()
        previous: Thumbnail | None = None
        for time, frame in self.media.frames(with_sound=self.request.sound):
            self.first = self.first or frame
            thumbnail = self._sampler.sample(frame)
            self._look(time, frame, thumbnail, previous)
            previous = thumbnail
            if monotonic() - reported >= _REPORT_EVERY:
                reported = monotonic()
                self._report(Progress(share=min(1.0, time / self._length), time=time))
        self.stills = self._pool.finish()
        self.boundaries = self._detector.finish()

    def _look(
        self, time: float, frame: av.VideoFrame, thumbnail: Thumbnail, previous: Thumbnail | None
    ) -> None:
        self.times.append(time)
        self._detector.push(thumbnail)
        self._pool.offer(time, frame, thumbnail)
        if self.storyboarder is not None:
            self.storyboarder.offer(time, frame, displayed_size(frame, self.media.sample_aspect_ratio))
        change = 0 if previous is None else np.abs(thumbnail.astype(np.int16) - previous).mean()
        self.watch.see(time, light=float(thumbnail.mean()), motion=float(change))


class _Composition:
    """What is made of one viewing."""

    def __init__(self, viewing: _Viewing) -> None:
        self._viewing = viewing
        self._request = viewing.request
        self._candidates = [
            Candidate(still.time, still.thumbnail, still.sharpness, still.shows_something)
            for still in viewing.stills
        ]
        self._frames = {index: still.frame for index, still in enumerate(viewing.stills)}
        viewing.stills.clear()
        self._transitions = tuple(_transition(found, viewing.times) for found in viewing.boundaries)
        self._images: dict[int, Image] = {}
        self._swatches: list[Pillow.Image] = []

    def extraction(self, began: float) -> Extraction:
        """Return the whole; ``began`` is when the work did."""
        viewing, media = self._viewing, self._viewing.media
        assert viewing.first is not None  # `Media.frames` yields one or raises
        cuts = [Cut(found.start, found.time, found.score) for found in self._transitions]
        chosen = choose(
            self._candidates,
            cuts,
            duration=media.duration,
            frame_rate=media.frame_rate,
            count=self._request.rows * self._request.cols,
        )
        cover = choose_cover(self._candidates, cuts)
        cover_choice = Choice(cover, FramePosition.FILL, self._candidates[cover].time, None)
        hooks = self._hooks()
        wanted = {choice.candidate for choice in (*chosen, *hooks, cover_choice)}
        # The others' memory is what the pictures are made in.
        self._frames = {index: frame for index, frame in self._frames.items() if index in wanted}
        composite = self._grid(chosen)
        board = viewing.storyboarder
        return Extraction(
            media=media.describe(viewing.first, frames=media.frames_decoded),
            transitions=self._transitions,
            keyframes=self._keyframes(chosen),
            hooks=self._keyframes(hooks),
            cover=self._keyframes([cover_choice])[0],
            grid=composite,
            storyboard=board.finish(media.duration) if board is not None else None,
            measures=self._measures(),
            cost=_cost(began),
        )

    def _grid(self, chosen: Sequence[Choice]) -> Grid:
        return grid.compose(
            # One picture at a time: together they would be the largest thing in memory.
            (
                grid.Tile(ordinal, round(self._candidates[c.candidate].time, 6), self._picture(c.candidate))
                for ordinal, c in enumerate(chosen, start=1)
            ),
            rows=self._request.rows,
            cols=self._request.cols,
            side=self._request.grid_side,
            image_format=self._request.image_format,
            quality=self._request.quality,
        )

    def _hooks(self) -> list[Choice]:
        """Return the frames nearest to the first seconds, where the video is long enough to have them."""
        if not self._request.hook_frames or self._viewing.media.duration < HOOK_TIMES[-1]:
            return []
        return [
            Choice(
                min(range(len(self._candidates)), key=lambda i: abs(self._candidates[i].time - time)),
                FramePosition.HOOK,
                time,
                None,
            )
            for time in HOOK_TIMES
        ]

    def _keyframes(self, choices: Sequence[Choice]) -> tuple[Keyframe, ...]:
        made: list[Keyframe] = []
        for ordinal, choice in enumerate(choices, start=1):
            chosen = self._candidates[choice.candidate]
            made.append(
                Keyframe(
                    ordinal=ordinal,
                    position=choice.position,
                    requested=round(choice.requested, 6),
                    time=round(chosen.time, 6),
                    scene_score=choice.scene_score,
                    luma=round(float(chosen.thumbnail.mean()), 2),
                    sharpness=chosen.sharpness,
                    perceptual_hash=difference_hash(chosen.thumbnail),
                    image=self._image(choice.candidate),
                )
            )
        return tuple(made)

    def _measures(self) -> Measures:
        media = self._viewing.media
        meter = media.sound
        return summarise(
            watch=self._viewing.watch,
            boundaries=[found.time for found in self._transitions],
            duration=media.duration,
            swatches=self._swatches,
            sharpness=[candidate.sharpness for candidate in self._candidates],
            sound=hear(meter.curve, meter.integrated, media.duration) if meter and meter.curve else None,
        )

    def _picture(self, index: int) -> Pillow.Image:
        """Return a frame as a picture, and note what else is wanted of it."""
        picture = to_picture(self._frames[index])
        self._images[index] = grid.encode(picture, ImageFormat.JPEG, self._request.quality)
        self._swatches.append(swatch(picture))
        return picture

    def _image(self, index: int) -> Image:
        if index not in self._images:
            self._picture(index)
        return self._images[index]


def _transition(boundary: Boundary, times: Sequence[float]) -> Transition:
    return Transition(
        kind=boundary.kind,
        start_frame=boundary.first,
        end_frame=boundary.last,
        start=round(times[boundary.first], 6),
        time=round(times[boundary.last], 6),
        score=boundary.score,
    )


def _cost(began: float) -> Cost:
    return Cost(
        wall_seconds=round(monotonic() - began, 3),
        cpu_seconds=round(process_time(), 3),
        peak_memory=_peak_memory(),
    )


def _peak_memory() -> int:
    # Linux counts the largest resident set in kilobytes and macOS in bytes; Linux also hands on that of the
    # process that started us, which the confinement lets us read nowhere else.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
