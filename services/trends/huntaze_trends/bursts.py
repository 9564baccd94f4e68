"""Bursts in counts over time: Kleinberg's automaton for sparse topics, a running z-score for busy ones."""

import math

import numpy as np

from huntaze_trends.columns import Flags, Floats, Ints

FACTORS = (1, 3, 9, 27)
"""The automaton's states: times the usual share."""
BUSY = 5.0
"""Posts a window: above, a topic's own variance is learnt, since counts vary more than Poisson's."""
_MOST_SHARE = 0.9
_MOST_DISPERSION = 50.0


def burst_weights(counts: Ints, totals: Ints, base: Flags) -> tuple[Floats, Ints]:
    """Return each topic's burst weight in nats, and its state, for every window.

    Kleinberg, "Bursty and hierarchical structure in streams" (2002), as a forward filter: the weight says how
    much cheaper the best burst state explains what was seen up to a window than the usual state does.

    Args:
        counts: (topics, windows) posts of each topic.
        totals: (windows,) all posts.
        base: (windows,) which windows tell what is usual.
    """
    usual = (counts[:, base].sum(axis=1) + 0.5) / max(1, totals[base].sum())
    rates = np.minimum(_MOST_SHARE, usual[:, None] * np.array(FACTORS))
    hit, miss = np.log(rates), np.log1p(-rates)
    spread = _dispersion(counts[:, base])[:, None]
    states = len(FACTORS)
    climb = math.log(max(2, int(base.sum())))
    upward = climb * np.maximum(0, np.arange(states)[None, :] - np.arange(states)[:, None])
    costs = np.broadcast_to(climb * np.arange(states), rates.shape)
    weights, levels = np.zeros(counts.shape), np.zeros(counts.shape, np.int64)
    for window, total in enumerate(totals.tolist()):
        seen = counts[:, window, None]
        costs = (costs[:, :, None] + upward).min(axis=1) - (seen * hit + (total - seen) * miss) / spread
        costs -= costs.min(axis=1, keepdims=True)
        weights[:, window] = costs[:, 0] - costs[:, 1:].min(axis=1)
        levels[:, window] = costs.argmin(axis=1)
    return np.maximum(weights, 0.0), levels


def running_scores(values: Floats, *, half_life: float, floor: float) -> Floats:
    """Return how many deviations each value is above the running mean of those before it.

    Schubert, Weiler and Kriegel, "SigniTrend" (2014): exponentially weighted mean and variance, with a floor
    that keeps rare things from looking significant.

    Args:
        values: (series, times), such as posts per thousand.
        half_life: in times.
        floor: in the unit of ``values``.
    """
    alpha = 1 - 0.5 ** (1 / half_life)
    mean, variance = values[:, 0].copy(), np.zeros(len(values))
    scores = np.zeros(values.shape)
    for time in range(1, values.shape[1]):
        value = values[:, time]
        scores[:, time] = (value - np.maximum(mean, floor)) / (np.sqrt(variance) + floor)
        difference = value - mean
        mean = mean + alpha * difference
        variance = (1 - alpha) * (variance + alpha * difference**2)
    return scores


def alarms(scores: Floats, values: Floats, *, threshold: float, quiet: int, rise: float) -> Flags:
    """Return when a series of scores gives an alarm: not again within ``quiet`` times unless it rose further.

    Args:
        scores: (times,)
        values: (times,) what the scores are of.
        threshold: the least score.
        quiet: in times.
        rise: an alarm in the quiet time needs this many times the value of the one before.
    """
    fired = np.zeros(len(scores), np.bool_)
    last, level = -quiet - 1, 0.0
    for time in np.flatnonzero(scores >= threshold).tolist():
        if time - last > quiet or values[time] > rise * level:
            fired[time] = True
            last, level = time, float(values[time])
    return fired


def _dispersion(counts: Ints) -> Floats:
    """Return variance over mean of busy topics, without their largest tenth; 1 for the others.

    Past bursts would otherwise make a topic's next one look usual.
    """
    limit = np.sort(counts, axis=1)[:, max(0, math.ceil(0.9 * counts.shape[1]) - 1)]
    tamed = np.minimum(counts, limit[:, None])
    mean = np.maximum(tamed.mean(axis=1), 1e-9)
    fano = np.clip(tamed.var(axis=1) / mean, 1.0, _MOST_DISPERSION)
    return np.where(counts.mean(axis=1) < BUSY, 1.0, fano)
