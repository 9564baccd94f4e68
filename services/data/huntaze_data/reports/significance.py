"""Which changes are more than chance: two tests on daily values, all metrics of a report judged together.

A *shift* is a Mann-Whitney U test of the period's days against the preceding period's (two-sided, normal
approximation with the corrections for ties and continuity; Mann & Whitney 1947), Holm's correction over the
metrics (Holm 1979), p < 0.05, and a change of the mean of at least a tenth. An *unusual day* lies more than
five robust standard deviations (1.4826 times the median absolute deviation; Iglewicz & Hoaglin 1993) from the
median of the 28 days before the period.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from statistics import median

LEVEL = 0.05
LEAST_DAYS = 5
"""On either side of a shift."""
LEAST_SHIFT = 0.1
BASELINE_DAYS = 28
LEAST_BASELINE = 14
UNUSUAL = 5.0
_MAD_TO_SIGMA = 1.4826
_LEAST_SIGMA = 0.05
"""As a share of the median: a series that hardly moves has no unusual day because it moves a little."""


def shift_p(now: Sequence[float], before: Sequence[float]) -> float | None:
    """Return the two-sided p-value of a Mann-Whitney U test; None with too few days to tell."""
    n, m = len(now), len(before)
    if min(n, m) < LEAST_DAYS:
        return None
    ranks = _ranks([*now, *before])
    u = sum(ranks[:n]) - n * (n + 1) / 2
    ties = sum(count**3 - count for count in Counter([*now, *before]).values())
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def poisson_tail(count: int, mean: float) -> float:
    """Return the probability of ``count`` events or more where ``mean`` are expected."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    total, number = 0.0, count
    while term > 1e-18 and number < count + 1000:
        total += term
        number += 1
        term *= mean / number
    return min(1.0, total)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for having looked at all of them, in the order given."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def deviations(days: Sequence[float | None], baseline: Sequence[float]) -> list[float | None]:
    """Return how many robust deviations each day lies from the baseline's median; None if unknown."""
    if len(baseline) < LEAST_BASELINE:
        return [None] * len(days)
    middle = median(baseline)
    spread = _MAD_TO_SIGMA * median(abs(value - middle) for value in baseline)
    # Counts of rare events have a spread of their own, however still the baseline happened to be; where most
    # days bring nothing the median tells nothing, and the largest day is the measure.
    sigma = max(spread, _LEAST_SIGMA * abs(middle), math.sqrt(abs(middle)), 1.0)
    if middle == 0:
        sigma = max(sigma, max(map(abs, baseline)))
    return [None if value is None else (value - middle) / sigma for value in days]


def _ranks(values: Sequence[float]) -> list[float]:
    """Rank from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    ranks = [0.0] * len(values)
    seen = 0
    for _, group in groupby(order, key=lambda index: values[index]):
        members = list(group)
        for index in members:
            ranks[index] = seen + (len(members) + 1) / 2
        seen += len(members)
    return ranks
