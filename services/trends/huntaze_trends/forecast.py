"""How many views a post will have, learnt from how views grew between earlier scrapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from huntaze_trends.columns import Floats

LEAST_PAIRS = 50
"""Fewer examples of growth give no forecast."""
_AGES_H = (12.0, 36.0, 96.0)
"""Bounds of the ages that are learnt apart, where each has enough examples."""
_DAY_H = 24.0
_LEAST_GROWTH = 1e-4
"""Logarithm of the growth over a day below which a post counts as standing still."""


class Forecast(Struct, frozen=True, gc=False):
    """Views at a later time, with the interval that held 80 % of the examples that were not learnt from."""

    hours: float
    low: int
    expected: int
    high: int
    basis: str
    """'two snapshots' or 'one snapshot': what is known of the post."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One example: a post's views at some age, before that where known, and some hours later."""

    age_h: float
    views: int
    hours: float
    later: int
    hours_before: float | None = None
    views_before: int | None = None


@dataclass(frozen=True, slots=True)
class _Fit:
    """ln(growth) = offset + slope · x, robustly; and the tenth and ninetieth percentile of what it misses."""

    offset: float
    slope: float
    low: float
    high: float

    def predict(self, x: float) -> tuple[float, float, float]:
        middle = self.offset + self.slope * x
        return middle + self.low, middle, middle + self.high


class GrowthModel:
    """Learns from examples of one platform over one span, for example a day."""

    def __init__(self, examples: Sequence[Growth], *, hours: float) -> None:
        """Learn; examples over other spans are scaled to ``hours``, so they should be near it."""
        self.hours = hours
        usable = [e for e in examples if e.views > 0 and e.later > 0 and e.hours > 0]
        self.examples = len(usable)
        single = [(age_band(e.age_h), 0.0, _later(e, hours)) for e in usable]
        double = [
            (age_band(e.age_h), x, _later(e, hours))
            for e in usable
            if (x := _before(e.views, e.views_before, e.hours_before)) is not None
        ]
        self._single, self._double = _fit_bands(single), _fit_bands(double)

    def forecast(
        self, *, views: int, age_h: float, views_before: int | None = None, hours_before: float | None = None
    ) -> Forecast | None:
        """Return the views after the model's hours; None without enough examples or without views.

        Args:
            views: now.
            age_h: hours since the post was made.
            views_before: at an earlier scrape.
            hours_before: how long ago that was.
        """
        band = age_band(age_h)
        x = _before(views, views_before, hours_before)
        if views > 0 and x is not None and (fit := self._double.get(band) or self._double.get(-1)):
            return self._at(views, fit.predict(x), "two snapshots")
        if views > 0 and (fit := self._single.get(band) or self._single.get(-1)):
            return self._at(views, fit.predict(0.0), "one snapshot")
        return None

    def _at(self, views: int, growth: tuple[float, float, float], basis: str) -> Forecast:
        # Views do not fall: what an extrapolation says below today's count is today's count.
        low, expected, high = (round(views * float(np.exp(min(20.0, max(0.0, g))))) for g in growth)
        return Forecast(self.hours, low, expected, high, basis)


def age_band(age_h: float) -> int:
    """Return which band of ages an age is in."""
    return int(np.searchsorted(_AGES_H, age_h, side="right"))


def _later(example: Growth, hours: float) -> float:
    return float(np.log(example.later / example.views) * hours / example.hours)


def _before(views: int, views_before: int | None, hours_before: float | None) -> float | None:
    """Return the logarithm of the logarithmic growth a day so far."""
    if not views_before or not hours_before or views_before <= 0 or hours_before <= 0 or views <= 0:
        return None
    return float(np.log(max(_LEAST_GROWTH, np.log(views / views_before) * _DAY_H / hours_before)))


def _fit_bands(rows: list[tuple[int, float, float]]) -> dict[int, _Fit]:
    """Fit each band of ages that has enough examples, and all together as band −1."""
    if len(rows) < LEAST_PAIRS:
        return {}
    values = np.array(rows)
    fits = {-1: _fit(values[:, 1], values[:, 2])}
    for band in np.unique(values[:, 0]).astype(int).tolist():
        mine = values[values[:, 0] == band]
        if len(mine) >= LEAST_PAIRS:
            fits[band] = _fit(mine[:, 1], mine[:, 2])
    return fits


def _fit(x: Floats, y: Floats) -> _Fit:
    """Fit on everything; measure what it misses on each half by what the other half taught."""
    even = np.arange(len(x)) % 2 == 0
    missed = np.concatenate(
        [
            y[half] - _line(x[~half], y[~half])[0] - _line(x[~half], y[~half])[1] * x[half]
            for half in (even, ~even)
        ]
    )
    offset, slope = _line(x, y)
    low, high = np.quantile(missed, [0.1, 0.9]).tolist()
    return _Fit(offset, slope, low, high)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Fit a line with least absolute deviations, by reweighted least squares: a few hits must not bend it."""
    design = np.stack([np.ones_like(x), x], axis=1)
    weights = np.ones_like(x)
    line = np.zeros(2)
    ridge = np.diag([1e-9, 1e-3])
    for _ in range(25):
        weighted = design * weights[:, None]
        line = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ y)
        weights = 1 / np.maximum(1e-3, np.abs(y - design @ line))
    return float(line[0]), float(line[1])
