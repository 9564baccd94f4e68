"""From an open file to everything we take out of it, in one pass of decoding."""

import resource
import sys
from collections.abc import Callable, Sequence
from io import RawIOBase
from time import monotonic, process_time
from typing import NamedTuple

import av
from PIL import Image as Pillow

from huntaze_video import grid
from huntaze_video.errors import MediaUnreadable
from huntaze_video.extraction import (
    Cost,
    Extraction,
    ExtractRequest,
    FramePosition,
    ImageFormat,
    Keyframe,
    Limits,
    MediaInfo,
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
from huntaze_video.luma import LumaSampler
from huntaze_video.media import Media
from huntaze_video.shots import Boundary, ShotDetector
from huntaze_video.stills import Still, StillPool, difference_hash, picture

_REPORT_EVERY = 0.2
_MISJUDGED = 0.1
"""Share by which the announced duration may be wrong before the video is decoded again with the true one."""


class _Pass(NamedTuple):
    """What one pass over all frames yields."""

    stills: list[Still]
    boundaries: list[Boundary]
    times: list[float]
    first: av.VideoFrame


def extract(
    source: RawIOBase, request: ExtractRequest, limits: Limits, report: Callable[[Progress], None]
) -> Extraction:
    """Decode ``source`` once and return its shots, chosen frames and grid.

    Raises:
        MediaRefused: in one of its kinds; see `huntaze_video.errors`.
    """
    began = monotonic()
    media = Media.open(source, limits)
    try:
        announced = media.duration
        seen = _decode(media, request, report)
        if abs(media.duration - announced) > _MISJUDGED * max(announced, media.duration):
            # The frames to keep were planned for another length: plan again with what was found.
            media.rewind()
            seen = _decode(media, request, report)
        info = media.describe(seen.first, frames=media.frames_decoded)
        frame_rate = media.frame_rate
    finally:
        media.close()
    return _compose(request, info, seen, frame_rate, began)


def _decode(media: Media, request: ExtractRequest, report: Callable[[Progress], None]) -> _Pass:
    count = request.rows * request.cols
    pool = StillPool(
        schedule(media.duration, media.frame_rate, count, hooks=request.hook_frames),
        news=count + 12,
        sample_aspect_ratio=media.sample_aspect_ratio,
    )
    sampler = LumaSampler()
    detector = ShotDetector(frame_rate=media.frame_rate, threshold=request.threshold)
    times: list[float] = []
    first: av.VideoFrame | None = None
    reported, length = monotonic(), max(media.duration, 1e-3)
    for time, frame in media.frames():
        first = first or frame
        thumbnail = sampler.sample(frame)
        detector.push(thumbnail)
        pool.offer(time, frame, thumbnail)
        times.append(time)
        if monotonic() - reported >= _REPORT_EVERY:
            reported = monotonic()
            report(Progress(share=min(1.0, time / length), time=time))
    if first is None:
        raise MediaUnreadable("no frame of the video can be decoded")
    return _Pass(pool.finish(), detector.finish(), times, first)


def _compose(
    request: ExtractRequest, info: MediaInfo, seen: _Pass, frame_rate: float, began: float
) -> Extraction:
    transitions = tuple(_transition(boundary, seen.times) for boundary in seen.boundaries)
    cuts = [Cut(found.start, found.time, found.score) for found in transitions]
    candidates = [
        Candidate(still.time, still.thumbnail, still.sharpness, still.shows_something)
        for still in seen.stills
    ]
    choices = choose(
        candidates,
        cuts,
        duration=info.duration,
        frame_rate=frame_rate,
        count=request.rows * request.cols,
    )
    pictures = {choice.candidate: picture(seen.stills[choice.candidate]) for choice in choices}
    hooks = _hooks(candidates, info.duration) if request.hook_frames else []
    cover = choose_cover(candidates, cuts)
    composite = grid.compose(
        [
            grid.Tile(ordinal, round(candidates[choice.candidate].time, 6), pictures[choice.candidate])
            for ordinal, choice in enumerate(choices, start=1)
        ],
        rows=request.rows,
        cols=request.cols,
        side=request.grid_side,
        image_format=request.image_format,
        quality=request.quality,
    )
    cover_choice = Choice(cover, FramePosition.FILL, candidates[cover].time, None)
    return Extraction(
        media=info,
        transitions=transitions,
        keyframes=_keyframes(choices, seen.stills, pictures, request.quality),
        hooks=_keyframes(hooks, seen.stills, pictures, request.quality),
        cover=_keyframes([cover_choice], seen.stills, pictures, request.quality)[0],
        grid=composite,
        cost=_cost(began),
    )


def _transition(boundary: Boundary, times: Sequence[float]) -> Transition:
    return Transition(
        kind=boundary.kind,
        start_frame=boundary.first,
        end_frame=boundary.last,
        start=round(times[boundary.first], 6),
        time=round(times[boundary.last], 6),
        score=boundary.score,
    )


def _hooks(candidates: Sequence[Candidate], duration: float) -> list[Choice]:
    """Return the frames nearest to the first seconds, where the video is long enough to have them."""
    if duration < HOOK_TIMES[-1]:
        return []
    nearest = {
        time: min(range(len(candidates)), key=lambda i: abs(candidates[i].time - time)) for time in HOOK_TIMES
    }
    return [Choice(index, FramePosition.HOOK, time, None) for time, index in nearest.items()]


def _keyframes(
    choices: Sequence[Choice], stills: Sequence[Still], pictures: dict[int, Pillow.Image], quality: int
) -> tuple[Keyframe, ...]:
    made: list[Keyframe] = []
    for ordinal, choice in enumerate(choices, start=1):
        still = stills[choice.candidate]
        if choice.candidate not in pictures:
            pictures[choice.candidate] = picture(still)
        made.append(
            Keyframe(
                ordinal=ordinal,
                position=choice.position,
                requested=round(choice.requested, 6),
                time=round(still.time, 6),
                scene_score=choice.scene_score,
                luma=round(still.luma, 2),
                sharpness=still.sharpness,
                perceptual_hash=difference_hash(still.thumbnail),
                image=grid.encode(pictures[choice.candidate], ImageFormat.JPEG, quality),
            )
        )
    return tuple(made)


def _cost(began: float) -> Cost:
    # Linux counts the largest resident set in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        wall_seconds=round(monotonic() - began, 3),
        cpu_seconds=round(process_time(), 3),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    )
