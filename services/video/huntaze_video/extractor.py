"""From an open file to everything we take out of it, in one pass of decoding."""

from collections.abc import Callable
from io import RawIOBase
from time import monotonic, process_time

from huntaze_video.composition import Composition
from huntaze_video.extraction import Cost, Extraction, ExtractRequest, Limits, Mode, Progress
from huntaze_video.media import Media
from huntaze_video.resident import peak_memory
from huntaze_video.viewing import Seen, Viewing

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
    seen = _view(source, request, limits, report)
    composition = Composition(seen, request)
    composite = composition.grid()
    measures = composition.measures()
    return Extraction(
        mode=request.mode,
        media=seen.media,
        transitions=seen.transitions,
        keyframes=composition.keyframes(),
        hooks=composition.hooks(),
        cover=composition.cover(),
        grid=composite,
        storyboard=seen.storyboard,
        measures=measures,
        cost=_cost(began),
    )


def _view(
    source: RawIOBase, request: ExtractRequest, limits: Limits, report: Callable[[Progress], None]
) -> Seen:
    media = Media(source, limits, request.mode)
    try:
        announced = media.duration
        seen = Viewing(media, request, report).run()
        misjudged = abs(media.duration - announced) > _MISJUDGED * max(announced, media.duration)
        if misjudged and request.mode is not Mode.PREVIEW:
            # The frames to keep were planned for another length: plan again with what was found.
            media.rewind()
            seen = Viewing(media, request, report).run()
        return seen
    finally:
        media.close()


def _cost(began: float) -> Cost:
    return Cost(
        wall_seconds=round(monotonic() - began, 3),
        cpu_seconds=round(process_time(), 3),
        peak_memory=peak_memory(),
    )
