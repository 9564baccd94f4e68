"""What can be said of a video without a model: light, motion, colours, sharpness, pace and sound.

They stand on their own where no model is configured, and are told to the model where one is.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from PIL import Image

from huntaze_video.extraction import Colour, Measures, Moment, Pace, Pacing, Silence, Sound
from huntaze_video.sound import Loudness, silences

_MOMENTS = 240
"""Most points of a curve; longer videos get coarser ones."""
_COLOURS = 6
_SWATCH_SIDE = 32
_PACES = ((8.0, Pace.SLOW), (4.0, Pace.MODERATE), (2.0, Pace.FAST))


@dataclass(slots=True)
class _Sums:
    frames: int = 0
    light: float = 0.0
    pairs: int = 0
    motion: float = 0.0


class Watch:
    """Light and motion of every frame, summed up as they pass, in bounded memory."""

    def __init__(self, duration: float) -> None:
        """Divide ``duration`` seconds into the stretches of the curve."""
        self.step = max(1.0, duration / _MOMENTS)
        self._sums: dict[int, _Sums] = {}

    def see(self, time: float, *, light: float, motion: float | None) -> None:
        """Add one frame: its mean grey level, and its mean difference from its neighbour if that is known."""
        sums = self._sums.setdefault(int(time / self.step), _Sums())
        sums.frames += 1
        sums.light += light
        if motion is not None:
            sums.pairs += 1
            sums.motion += motion

    def moments(self) -> tuple[Moment, ...]:
        """Return the curve."""
        return tuple(
            Moment(
                time=round(at * self.step, 3),
                light=round(sums.light / sums.frames, 2),
                motion=round(sums.motion / sums.pairs, 3) if sums.pairs else None,
            )
            for at, sums in sorted(self._sums.items())
        )


def summarise(
    *,
    watch: Watch,
    boundaries: Sequence[float],
    duration: float,
    swatches: Sequence[Image.Image],
    sharpness: Sequence[float],
    sound: Sound | None,
) -> Measures:
    """Put the measures of one video together; ``boundaries`` are the times at which new shots begin."""
    moments = watch.moments()
    moving = [moment.motion for moment in moments if moment.motion is not None]
    return Measures(
        step=round(watch.step, 3),
        moments=moments,
        light=round(fmean(m.light for m in moments), 2),
        motion=round(fmean(moving), 3) if moving else None,
        sharpness=round(median(sharpness), 2),
        palette=palette(swatches),
        pacing=pacing(boundaries, duration),
        sound=sound,
    )


def pacing(boundaries: Sequence[float], duration: float) -> Pacing:
    """Return how long the shots are; ``boundaries`` in seconds, in order."""
    edges = [0.0, *boundaries, max(duration, *boundaries, 0.0)]
    lengths = [round(end - begin, 3) for begin, end in pairwise(edges)]
    mean = fmean(lengths)
    pace = next((pace for least, pace in _PACES if mean >= least), Pace.VERY_FAST)
    return Pacing(
        pace=pace,
        shots=len(lengths),
        mean=round(mean, 3),
        median=round(median(lengths), 3),
        shortest=min(lengths),
        longest=max(lengths),
    )


def swatch(picture: Image.Image) -> Image.Image:
    """Return what is kept of a picture for its colours."""
    return picture.resize((_SWATCH_SIDE, _SWATCH_SIDE), Image.Resampling.BOX)


def palette(swatches: Sequence[Image.Image]) -> tuple[Colour, ...]:
    """Return the main colours of some pictures together, by the share of the area that they cover."""
    strip = Image.new("RGB", (_SWATCH_SIDE, _SWATCH_SIDE * len(swatches)))
    for index, picture in enumerate(swatches):
        strip.paste(picture, (0, index * _SWATCH_SIDE))
    reduced = strip.quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    values = reduced.getpalette() or []
    area = strip.width * strip.height
    return tuple(
        Colour(rgb="#" + bytes(values[3 * index : 3 * index + 3]).hex(), share=round(count / area, 4))
        for count, index in sorted(reduced.getcolors() or [], reverse=True)
        if isinstance(index, int)
    )


def hear(curve: Sequence[Loudness], integrated: float | None, duration: float) -> Sound:
    """Return the loudness curve at the steps of the light's, the whole's loudness, and the silences."""
    step = max(1.0, duration / _MOMENTS)
    times = [point.time for point in curve]
    levels: list[float] = []
    for at in range(int(duration / step) + 1):
        begin, end = bisect_right(times, at * step), bisect_right(times, (at + 1) * step)
        if begin < end:
            levels.append(round(max(point.level for point in curve[begin:end]), 1))
    return Sound(
        loudness=None if integrated is None else round(integrated, 1),
        curve=tuple(levels),
        silences=tuple(
            Silence(start=round(begin, 2), end=round(end, 2)) for begin, end in silences(list(curve))
        ),
    )
