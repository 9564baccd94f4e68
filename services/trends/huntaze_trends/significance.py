"""How surprising a count is, and which surprises to believe."""

import math

import numpy as np
from numpy.typing import NDArray

from huntaze_trends.columns import Floats, Ints

_TINY = 1e-300
_MOST_TERMS = 500
_OFTEN = 30
"""Posts from which on every topic is taken as able to."""


def tail_probabilities(x: Ints, n: int, base_x: Ints, base_n: int) -> Floats:
    """Return P(X ≥ x) among ``n`` posts for topics that the base saw ``base_x`` times among ``base_n``.

    The Jeffreys predictive of a Poisson rate: X is negative binomial with shape ``base_x + ½`` and success
    probability ``base_n / (base_n + n)``, whose tail is a regularised incomplete beta function.
    """
    pairs, where = np.unique(np.stack([x, base_x], axis=1), axis=0, return_inverse=True)
    share = n / (base_n + n)
    values = _incomplete_beta(share, pairs[:, 0].astype(np.float64), pairs[:, 1].astype(np.float64) + 0.5)
    return values[where.ravel()]


def q_values(p_values: Floats, hypotheses: int) -> Floats:
    """Return for each p-value the least false discovery rate at which it is accepted.

    Benjamini and Hochberg (1995), over ``hypotheses`` tests of which those not given have a p-value of 1.
    """
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * hypotheses / np.arange(1, len(order) + 1)
    result = np.empty_like(stepped)
    result[order] = np.minimum(1.0, np.minimum.accumulate(stepped[::-1])[::-1])
    return result


def least_testable(posts: Ints, n: int, base_n: int, rate: float) -> int:
    """Return how often a topic must occur, now and before, to be able to be significant at all.

    Most words occur once or twice in weeks: whenever that was, it is no surprise. Counting them as hypotheses
    only hides the surprises of others. Gilbert, "A modified false discovery rate multiple-comparisons
    procedure for discrete data" (2005), after Tarone (1990): given how often each topic occurs in all, leave
    out those whose smallest possible p-value (all posts in the newest window) is too large for what is left.

    Args:
        posts: (topics,) of each topic, now and before.
        n: posts of the newest window.
        base_n: posts before it.
        rate: of false discoveries.
    """
    reaching = np.bincount(np.minimum(posts, _OFTEN), minlength=_OFTEN + 1)[::-1].cumsum()[::-1]
    often = np.arange(1, _OFTEN + 1)
    smallest = tail_probabilities(often, n, np.zeros_like(often), base_n)
    enough = np.flatnonzero(2 * smallest * reaching[1:] <= rate)
    return int(often[enough[0]]) if len(enough) else _OFTEN


def ratios(x: Ints, n: int, base_x: Ints, base_n: int) -> tuple[Floats, Floats]:
    """Return how many times its usual share each topic has, and the lower end of the 90 % interval.

    Half a post is added on both sides, so that what was never seen before has a finite ratio.
    """
    ratio = ((x + 0.5) / n) / ((base_x + 0.5) / base_n)
    return ratio, ratio * np.exp(-1.645 * np.sqrt(1 / (x + 0.5) + 1 / (base_x + 0.5)))


def _incomplete_beta(z: float, a: Floats, b: Floats) -> Floats:
    """Return I_z(a, b), elementwise; 1 where ``a`` is 0.

    The continued fraction by Lentz's method: Press et al., Numerical Recipes 6.4; its mirror image converges
    where z is above the mean.
    """
    result = np.ones_like(a)
    mirrored = (a > 0) & (z > (a + 1) / (a + b + 2))
    direct = (a > 0) & ~mirrored
    result[direct] = _fraction(z, a[direct], b[direct])
    result[mirrored] = 1.0 - _fraction(1.0 - z, b[mirrored], a[mirrored])
    return np.clip(result, 0.0, 1.0)


def _fraction(z: float, a: Floats, b: Floats) -> Floats:
    logs = [
        math.lgamma(p + q) - math.lgamma(p) - math.lgamma(q + 1)
        for p, q in zip(a.tolist(), b.tolist(), strict=True)
    ]
    # The front factor divided by a, in logarithms: tails as small as e-300 keep their order.
    front = np.exp(np.array(logs) + np.log(b) + a * math.log(z) + b * math.log1p(-z) - np.log(a))
    c = np.ones_like(a)
    d = 1.0 / _away_from_zero(1.0 - (a + b) * z / (a + 1))
    h = d.copy()
    for m in range(1, _MOST_TERMS):
        for term in (
            m * (b - m) * z / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * z / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            step = d * c
            h *= step
        if not len(step) or np.max(np.abs(step - 1.0)) < 1e-12:
            break
    return front * h


def _away_from_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(values) < _TINY, _TINY, values)
