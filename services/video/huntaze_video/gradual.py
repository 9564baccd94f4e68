"""Find dissolves, fades and wipes in a series of brightness thumbnails. Pure numpy.

In a dissolve or a fade every pixel goes straight from its old to its new value: the change over the first
half of it and the change over the second half are the same, so their correlation is 1, while in a moving take
it is near 0 (`likeness.consistency`). In a wipe every pixel changes at once, at a time that is a linear or
radial function of its place; nothing else that happens in front of a camera does that to a whole picture.

Both are looked for at several lengths and then verified: the two ends must be unrelated pictures, and what
was before must not come back right after, as it does with a flash.
"""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from huntaze_video.extraction import TransitionKind
from huntaze_video.likeness import (
    NOISE,
    Pictures,
    Series,
    consistency,
    halved,
    nearest,
    structural_distance,
    unexplained,
)

LONGEST = 2.0
"""Seconds of the longest transition that is looked for as one piece."""

_LENGTHS = (0.2, 0.3, 0.45, 0.65, 0.95, 1.4, LONGEST)
_WIPE_LENGTHS = _LENGTHS[:-1]
_REACH = 4
_UNRELATED = 0.2
_RETURN_SECONDS = 0.35
_RETURNED = 0.45
_BLANK = 0.08
"""Share of the contrast around it below which a frame in the middle of a fade is blank."""

# All numbers below were tuned in bench/video, on the tuning half of its clips.
_STRAIGHT = 0.40
_SHARE_BEFORE, _SHARE_AFTER = 0.05, 0.95
_MIX_ERROR = 0.15
_ONWARD = 0.7
_LARGEST_STEP = 0.42
_ENDS_APART = 0.55
_QUALITY = 0.4
_SWEPT = 0.45
_EFFICIENT, _FULLY_EFFICIENT = 0.45, 0.8
_ONE_STEP = 0.7
_GEOMETRY = 0.72
_AREA = 0.6
_CHANGED_LEVELS = 15.0


class Gradual(NamedTuple):
    """A gradual transition: ``first`` is the last frame of the old shot, ``last`` the first of the new."""

    first: int
    last: int
    kind: TransitionKind
    score: float


class _Candidate(NamedTuple):
    quality: float
    first: int
    last: int
    strength: float


def find_mixes(thumbnails: NDArray[np.uint8], *, frame_rate: float, threshold: float) -> list[Gradual]:
    """Return dissolves and fades, in order. ``thumbnails``: (n, height, width) uint8."""
    frames = halved(thumbnails)
    candidates = [
        candidate
        for middle, half, strength in _straight_changes(frames, frame_rate, _STRAIGHT * threshold / 0.3)
        for candidate in _mixes_around(frames, middle, half, strength)
    ]
    chosen = [
        Gradual(c.first, c.last, TransitionKind.DISSOLVE, _score(c.strength, _STRAIGHT))
        for c in _without_overlap(candidates)
        if _is_unrelated(thumbnails, c.first, c.last)
    ]
    contrast = frames.var(axis=1)
    joined = _join_fades(chosen, contrast, frame_rate)
    whole = thumbnails.reshape(len(thumbnails), -1)
    return [mix for mix in joined if not _returns(whole, mix.first, mix.last, frame_rate)]


def find_wipes(
    thumbnails: NDArray[np.uint8], cuts: Sequence[int], *, frame_rate: float, threshold: float
) -> list[Gradual]:
    """Return wipes between the given cuts, in order. ``thumbnails``: (n, height, width) uint8."""
    frames = halved(thumbnails)
    edges = np.array([0, *cuts, len(frames)])
    candidates: list[_Candidate] = []
    for middle, half, strength in _sweeping_changes(frames, frame_rate, _SWEPT * threshold / 0.3):
        shot = int(np.searchsorted(edges, middle, side="right"))
        lowest, highest = int(edges[shot - 1]), int(edges[min(shot, len(edges) - 1)]) - 1
        for reach in (half, round(1.5 * half)):
            begin, end = max(lowest, middle - reach), min(highest, middle + reach)
            candidate = _sweep(thumbnails[begin : end + 1].astype(np.float32), begin, strength)
            if candidate is not None:
                candidates.append(candidate)
    whole = thumbnails.reshape(len(thumbnails), -1)
    return [
        Gradual(c.first, c.last, TransitionKind.WIPE, _score(c.strength, _SWEPT))
        for c in _without_overlap(candidates)
        if _is_unrelated(thumbnails, c.first, c.last) and not _returns(whole, c.first, c.last, frame_rate)
    ]


def _straight_changes(frames: Series, frame_rate: float, least: float) -> Iterator[tuple[int, int, float]]:
    """Yield the middle, half length and strength of changes that go on in one direction."""
    for length in _LENGTHS:
        half = max(2, round(length / 2 * frame_rate))
        if len(frames) < 2 * half + 1:
            return
        old, now, new = frames[: -2 * half], frames[half:-half], frames[2 * half :]
        strength = structural_distance(old, new) * np.maximum(consistency(now - old, new - now), 0)
        for at in _peaks(strength, least, max(1, half // 2)):
            yield at + half, half, float(strength[at])


def _mixes_around(frames: Series, middle: int, half: int, strength: float) -> Iterator[_Candidate]:
    """Yield the stretches around ``middle`` in which all pixels go straight from one picture to another."""
    for reach in (half, max(1, round(0.7 * half))):
        begin, end = middle - reach, middle + reach
        for first, last in (_extend(frames, begin, end, middle, reach), (begin, end)):
            quality = _mix_quality(frames[first : last + 1])
            if quality > _QUALITY:
                yield _Candidate(quality, first, last, strength)


def _extend(frames: Series, begin: int, end: int, middle: int, reach: int) -> tuple[int, int]:
    """Follow the way from frame ``begin`` to frame ``end`` outwards from the middle, to where it is done."""
    way = frames[end] - frames[begin]
    lowest, highest = max(0, middle - 2 * reach), min(len(frames) - 1, middle + 2 * reach)
    share = (frames[lowest : highest + 1] - frames[begin]) @ way / max(1e-6, float(way @ way))
    at = middle - lowest
    done_before = np.flatnonzero(share[: at + 1] <= _SHARE_BEFORE)
    done_after = np.flatnonzero(share[at:] >= _SHARE_AFTER)
    first = int(done_before[-1]) if done_before.size else 0
    last = at + int(done_after[0]) if done_after.size else len(share) - 1
    return lowest + first, lowest + last


def _mix_quality(frames: Series) -> float:
    """Return how well the inner frames are mixtures of the two outer ones, 0 to 1; 0 when they are not."""
    if len(frames) < 4:
        return 0.0
    old, inner, new = frames[0], frames[1:-1], frames[-1]
    way = new - old
    share = np.clip((inner - old) @ way / max(1e-6, float(way @ way)), 0.0, 1.0)
    error = ((inner - old - share[:, None] * way) ** 2).mean(1)
    wrong = median((error / ((way**2).mean() + NOISE)).tolist())
    moves = np.diff(share)
    onward = float(np.maximum(moves, 0).sum() / max(1e-6, np.abs(moves).sum()))
    step = float(np.diff(np.concatenate([[0.0], share, [1.0]])).max())
    apart = float(structural_distance(old, new))
    if wrong > _MIX_ERROR or onward < _ONWARD or step > _LARGEST_STEP or apart < _ENDS_APART:
        return 0.0
    even = np.arange(1, len(share) + 1) / (len(share) + 1)
    uneven = float(np.abs(share - even).mean())
    return min(1.0, apart) * (1 - wrong / (2 * _MIX_ERROR)) * onward * (1 - step) * (1 - 2 * uneven)


def _sweeping_changes(frames: Series, frame_rate: float, least: float) -> Iterator[tuple[int, int, float]]:
    """Yield the middle, half length and strength of changes that pass each pixel once.

    The measure is the distance of the ends times the efficiency of the way: the change from end to end
    over the sum of the changes of its four quarters.
    """
    for length in _WIPE_LENGTHS:
        quarter = max(1, round(length / 4 * frame_rate))
        span = 4 * quarter
        if len(frames) < span + 1:
            return
        count = len(frames) - span
        stops = [frames[index * quarter : index * quarter + count] for index in range(5)]
        steps = np.stack([np.abs(stops[i + 1] - stops[i]).mean(1) for i in range(4)])
        way = steps.sum(0) + 1.5
        efficiency = (np.abs(stops[4] - stops[0]).mean(1) + 0.5) / way
        strength = structural_distance(stops[4], stops[0])
        strength *= np.clip((efficiency - _EFFICIENT) / (_FULLY_EFFICIENT - _EFFICIENT), 0, 1)
        strength *= steps.max(0) / way < _ONE_STEP
        for at in _peaks(strength, least, quarter):
            yield at + 2 * quarter, 2 * quarter, float(strength[at])


def _sweep(pictures: Pictures, offset: int, strength: float) -> _Candidate | None:
    """Explain when each pixel changes by where it is; return the stretch if that works.

    ``pictures``: (n, height, width), the first being frame ``offset``. The quality is the share of the
    variance of the times of change that the place explains, the better of a straight and a radial front.
    """
    if len(pictures) < 5:
        return None
    change = np.abs(pictures[-1] - pictures[0])
    changed = change > _CHANGED_LEVELS
    if changed.mean() < _AREA:
        return None
    when = np.abs(np.diff(pictures, axis=0)).argmax(axis=0)[changed].astype(np.float64)
    force = change[changed]
    weight = np.sqrt(force)
    down, right = (axis[changed] for axis in np.meshgrid(*map(_centred, change.shape), indexing="ij"))
    one, radius = np.ones_like(down), np.hypot(down, right)
    spread = float((force * (when - (force * when).sum() / force.sum()) ** 2).sum())
    best: _Candidate | None = None
    for place in (np.stack([one, down, right], 1), np.stack([one, radius, radius**2], 1)):
        terms, *_ = np.linalg.lstsq(place * weight[:, None], when * weight, rcond=None)
        expected = place @ terms
        explained = 1 - float((force * (when - expected) ** 2).sum()) / max(1e-6, spread)
        times = np.sort(expected)
        earliest, latest = times[len(times) // 100], times[-1 - len(times) // 100]
        first, last = max(0, int(np.floor(earliest))), min(len(pictures) - 1, int(np.ceil(latest)) + 1)
        if explained >= _GEOMETRY and last - first >= 3 and (best is None or explained > best.quality):
            best = _Candidate(explained, offset + first, offset + last, strength)
    return best


def _join_fades(mixes: Sequence[Gradual], contrast: Series, frame_rate: float) -> list[Gradual]:
    """Make one fade of a way into a blank picture and a way out of it, and name what touches a blank one."""
    joined: list[Gradual] = []
    for mix in mixes:
        if joined and _meet_in_blank(joined[-1], mix, contrast, frame_rate):
            before = joined.pop()
            mix = Gradual(before.first, mix.last, TransitionKind.FADE, max(before.score, mix.score))
        joined.append(mix)
    return [
        mix._replace(kind=TransitionKind.FADE)
        if contrast[mix.first : mix.last + 1].min() < _BLANK * max(contrast[mix.first], contrast[mix.last])
        else mix
        for mix in joined
    ]


def _meet_in_blank(before: Gradual, after: Gradual, contrast: Series, frame_rate: float) -> bool:
    low, high = sorted((before.last, after.first))
    between = contrast[max(0, low - 1) : high + 2]
    full = _BLANK * max(contrast[before.first], contrast[after.last])
    least = between.min()
    risen = min(contrast[before.first], contrast[after.last]) > 3 * least
    short = after.first - before.last <= 0.3 * frame_rate
    return bool(least < full and risen and (short or between.max() < full))


def _returns(frames: NDArray[np.uint8], first: int, last: int, frame_rate: float) -> bool:
    """Whether a picture from right before ``first`` is there again right after ``last``."""
    window = max(3, round(_RETURN_SECONDS * frame_rate))
    before = frames[max(0, first - window + 1) : first + 1].astype(np.float32)
    after = frames[last : last + window].astype(np.float32)
    return nearest(before, after) < _RETURNED


def _is_unrelated(thumbnails: NDArray[np.uint8], first: int, last: int) -> bool:
    old, new = (thumbnails[at].astype(np.float32) for at in (first, last))
    return unexplained(old, new, reach=_REACH) >= _UNRELATED


def _without_overlap(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return the best candidates that do not overlap, in order of time."""
    chosen: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.quality):
        if all(candidate.last <= other.first or candidate.first >= other.last for other in chosen):
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: c.first)


def _peaks(values: Series, least: float, reach: int) -> list[int]:
    """Return where ``values`` is at least ``least`` and the largest within ``reach``."""
    return [
        at
        for at in np.flatnonzero(values >= least).tolist()
        if values[at] >= values[max(0, at - reach) : at + reach + 1].max()
    ]


def _centred(length: int) -> NDArray[np.float64]:
    return np.linspace(-0.5, 0.5, length)


def _score(strength: float, typical: float) -> float:
    """Put a strength on the scale of the threshold, where ``typical`` is 0.3."""
    return round(min(1.0, 0.3 * strength / typical), 4)
