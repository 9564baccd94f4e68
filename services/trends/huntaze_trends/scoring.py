"""Score every topic of the newest window against its past; `verdicts` has the gates.

What the gates stand for, and the false alarms and recall that they were chosen for, is measured by
``bench/trends`` and told in the service's README.
"""

from dataclasses import dataclass

import numpy as np

from huntaze_trends.bursts import BUSY, burst_weights, running_scores
from huntaze_trends.columns import Flags, Floats, Ints
from huntaze_trends.significance import least_testable, q_values, ratios, tail_probabilities

LEAST_POSTS = 3
LARGE_WINDOW, FULL_WINDOW = 500, 300
"""Posts a window: below, a lighter and a less certain burst counts; and below, two authors are enough."""
LEAST_WEIGHT, LEAST_WEIGHT_SMALL = 3.5, 2.5
"""Nats."""
MOST_OF_ONE_AUTHOR = 0.5
FALSE_DISCOVERY_RATE, FALSE_DISCOVERY_RATE_SMALL = 0.05, 0.1
LEAST_RATIO = 1.5
LEAST_SCORE = 3.0
"""Deviations above its own running mean that a busy topic must be."""
_HALF_LIFE = 28
"""Windows."""
_FLOOR = 0.5
"""Posts per thousand."""


@dataclass(frozen=True, slots=True)
class History:
    """How often each topic occurred in each window, one entry for each pair that occurred."""

    totals: Ints
    """(windows,) All posts of each window; the newest window is the last."""
    topics: Ints
    """(entries,) Numbers from 0 to ``size`` − 1."""
    windows: Ints
    """(entries,)"""
    posts: Ints
    """(entries,)"""
    size: int
    day: int = 4
    """Windows that make a day: rises over a day count like those in one window. 1: there is no difference."""

    def sums(self, of: Flags) -> Ints:
        """Return how many posts each topic has in some windows together."""
        chosen = of[self.windows]
        return np.bincount(self.topics[chosen], self.posts[chosen], self.size).astype(np.int64)

    def rows(self, topics: Ints) -> Ints:
        """Return (topics, windows) the counts of some topics."""
        place = np.full(self.size, -1)
        place[topics] = np.arange(len(topics))
        mine = place[self.topics]
        counts = np.zeros((len(topics), len(self.totals)), np.int64)
        counts[mine[mine >= 0], self.windows[mine >= 0]] = self.posts[mine >= 0]
        return counts

    def days(self, counts: Ints) -> Ints:
        """Return (topics + 1, days) the counts of whole days up to the newest window; all posts last."""
        each = np.vstack([counts, self.totals])
        whole = each.shape[1] // self.day * self.day
        return each[:, -whole:].reshape(len(each), -1, self.day).sum(axis=2)


@dataclass(frozen=True, slots=True)
class Scores:
    """The topics of the newest window with enough posts in its day; all arrays are (topics,) unless said."""

    topics: Ints
    counts: Ints
    """(topics, windows)"""
    posts: Ints
    """Of the day that ends with the newest window; the windows before it are the base."""
    total: int
    base_posts: Ints
    base_total: int
    ratio: Floats
    ratio_low: Floats
    """Lower end of the 90 % interval: of the window's ratio, or the day's where that is higher."""
    p_values: Floats
    q_values: Floats
    weights: Floats
    """(topics, windows) Burst weight, nats."""
    weight: Floats
    """Burst weight of the newest window, or of the day that ends with it where that is heavier."""
    levels: Ints
    """(topics, windows) Burst state."""
    running: Floats
    """Deviations above the running mean; 0 for topics that are not busy."""
    busy: Flags


def score(history: History) -> Scores:
    """Score the topics of the newest window that have `LEAST_POSTS` in the day that ends with it.

    Significance is computed for that day and for the newest window, and the better one is taken twice
    (Bonferroni). Bursts are looked for in both too: what few at a time say all day long is one. False
    discoveries are controlled over every topic that could be one.
    """
    place = np.arange(len(history.totals))
    newest, today = place == place[-1], place > place[-1] - history.day
    posts, before = history.sums(today), history.sums(~today)
    total, base_total = int(history.totals[today].sum()), int(history.totals[~today].sum())
    seen, ever = history.sums(newest), posts + before
    some = np.flatnonzero(seen)
    p_values = tail_probabilities(posts[some], total, before[some], base_total)
    chosen = posts[some] >= LEAST_POSTS
    topics = some[chosen]
    ratio, ratio_low = ratios(posts[topics], total, before[topics], base_total)
    if history.day > 1:
        now, then = int(history.totals[-1]), int(history.totals[:-1].sum())
        p_now = tail_probabilities(seen[some], now, (ever - seen)[some], then)
        p_values = np.minimum(1.0, 2 * np.minimum(p_values, p_now))
        _, low_now = ratios(seen[topics], now, (ever - seen)[topics], then)
        ratio_low = np.maximum(ratio_low, low_now)
    window = int(history.totals[-1])
    least = least_testable(ever, window, total + base_total - window, false_discovery_rate(window))
    p_values[ever[some] < least] = 1.0
    counts = history.rows(topics)
    weights, levels = burst_weights(counts, history.totals, ~newest)
    weight = weights[:, -1]
    if history.day > 1:
        days = history.days(counts)
        of_days, _ = burst_weights(days[:-1], days[-1], np.arange(days.shape[1]) < days.shape[1] - 1)
        weight = np.maximum(weight, of_days[:, -1])
    busy = counts[:, ~newest].mean(axis=1) >= BUSY
    per_thousand = 1000 * counts[busy] / np.maximum(1, history.totals)
    running = np.zeros(len(topics))
    if busy.any():
        running[busy] = running_scores(per_thousand, half_life=_HALF_LIFE, floor=_FLOOR)[:, -1]
    return Scores(
        topics=topics,
        counts=counts,
        posts=posts[topics],
        total=total,
        base_posts=before[topics],
        base_total=base_total,
        ratio=ratio,
        ratio_low=ratio_low,
        p_values=p_values[chosen],
        q_values=q_values(p_values, int(np.count_nonzero(ever >= least)))[chosen],
        weights=weights,
        weight=weight,
        levels=levels,
        running=running,
        busy=busy,
    )


def false_discovery_rate(window: int) -> float:
    """Return the rate that is accepted, by the posts of the newest window."""
    return FALSE_DISCOVERY_RATE if window >= LARGE_WINDOW else FALSE_DISCOVERY_RATE_SMALL


def verdicts(scores: Scores, authors: Ints, of_busiest: Ints, window: int) -> tuple[Flags, Flags]:
    """Return which topics are confirmed trends, and which at least are worth watching.

    Args:
        scores: of the newest window and its day.
        authors: how many authors each topic has on the day.
        of_busiest: how many of its posts are by the one with most of them.
        window: all posts of the newest window.
    """
    broad = authors >= (3 if window >= FULL_WINDOW else 2)
    broad &= of_busiest <= MOST_OF_ONE_AUTHOR * scores.posts
    least = LEAST_WEIGHT if window >= LARGE_WINDOW else LEAST_WEIGHT_SMALL
    confirmed = broad & (scores.weight >= least) & (scores.q_values < false_discovery_rate(window))
    confirmed &= (scores.ratio_low >= LEAST_RATIO) & (~scores.busy | (scores.running >= LEAST_SCORE))
    # Without significance behind it, what goes on all day long is noise too often: the newest window decides.
    return confirmed, confirmed | (broad & (scores.weights[:, -1] >= least))
