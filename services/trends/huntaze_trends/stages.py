"""Where in its life a burst is."""

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Literal

from huntaze_trends.columns import Floats, Ints

Stage = Literal["emerging", "rising", "peaking", "fading"]
_ENDED = 1.0
"""Nats: two windows in a row below end a burst."""
_YOUNG_HOURS = 24.0
_LATEST = 4
_FLAT = 0.1
"""Change of the logarithm of the share, a window, below which it counts as flat."""


@dataclass(frozen=True, slots=True)
class Life:
    """One topic's burst so far."""

    stage: Stage
    windows: int
    """How many windows the burst has lasted."""
    peak_share: float
    half_life_h: float | None
    """Hours in which the share halves; only for what falls for four windows or more."""


def life(counts: Ints, totals: Ints, weights: Floats, *, width_h: float) -> Life:
    """Tell where a burst is that lasts in the newest window.

    Args:
        counts: (windows,) posts of the topic, the newest last.
        totals: (windows,) all posts.
        weights: (windows,) burst weights, nats.
        width_h: hours of a window.
    """
    shares = [count / max(1, total) for count, total in zip(counts.tolist(), totals.tolist(), strict=True)]
    logs = [
        math.log((count + 0.5) / (total + 1))
        for count, total in zip(counts.tolist(), totals.tolist(), strict=True)
    ]
    windows = _lasting(weights)
    peak = max(shares[-windows:])
    slope, before = theil_sen(logs[-_LATEST:]), theil_sen(logs[-_LATEST - 1 : -1])
    falling = (
        len(shares)
        - 1
        - max(i for i, share in enumerate(shares) if share == peak and i >= len(shares) - windows)
    )
    half_life = None
    if falling >= _LATEST and (fall := theil_sen(logs[-falling - 1 :])) < 0:
        half_life = math.log(2) / -fall * width_h
    stage: Stage
    if windows > 2 and slope < -_FLAT and before < 0:
        stage = "fading"
    elif windows * width_h <= _YOUNG_HOURS:
        stage = "emerging"
    elif shares[-1] >= 0.9 * peak and abs(slope) < _FLAT:
        stage = "peaking"
    else:
        stage = "rising" if slope >= 0 else "peaking"
    return Life(stage, windows, peak, half_life)


def theil_sen(values: list[float]) -> float:
    """Return the median slope between all pairs of values, a step: one odd window changes little."""
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(values), 2)]
    return median(slopes) if slopes else 0.0


def _lasting(weights: Floats) -> int:
    """Count the windows since the burst began; a single quiet window does not end it."""
    lasted = quiet = 0
    for back, weight in enumerate(reversed(weights.tolist()), 1):
        quiet = quiet + 1 if weight < _ENDED else 0
        if quiet == 2:
            break
        if not quiet:
            lasted = back
    return max(1, lasted)
