"""Which topics rise: share of the sample against its own past, with a bounded rate of false alarms.

A topic is a **confirmed** trend when all of these hold, and **watched** when it is broad and bursts:

- enough posts and authors, and no author with most of them (one person posting fifty times is no trend);
- significance under a Gamma–Poisson model of the base, with false discoveries controlled over all topics
  (Benjamini–Hochberg);
- a lower bound of the ratio to the base, so that what is significant but dull stays out;
- the weight of a Kleinberg burst state in this window.

Shares count, not numbers, so that a larger sample alone makes no trend.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from huntaze_trends.posts import Post

WINDOW = timedelta(hours=24)
BASE_WINDOWS = 13
"""With the scored window, two weeks."""
LEAST_WINDOWS = 8
LEAST_BASE_RATIO = 5
"""The base must have this many times the window's posts, or nothing is claimed."""
LEAST_POSTS = 3
LEAST_AUTHORS = 2
MOST_OF_ONE_AUTHOR = 0.5
FALSE_DISCOVERY_RATE = 0.05
LEAST_RATIO = 1.5
LEAST_WEIGHT = 2.5
"""Nats, for windows of fewer than 500 posts."""
GENERIC_SHARE = 0.2
"""A tag on more of all posts than this says nothing (fyp, viral)."""
_STATES = 4
_MOST = 0.9

State = Literal["insufficient_history", "watch", "emerging", "rising"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the scored window, with everything that its state follows from."""

    name: str
    state: State
    posts: int
    total: int
    authors: int
    share: float
    base_share: float
    ratio: float
    ratio_low: float
    """Lower end of the 90 % interval."""
    p_value: float
    q_value: float
    weight: float
    """Of the burst, in nats."""
    windows_in_burst: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    posts: int
    counts: Counter[str]


def detect(posts: Iterable[Post], *, now: datetime, own_tags: frozenset[str]) -> list[Topic]:
    """Return the topics of the last 24 hours that rise, the heaviest burst first.

    Without enough history, the most used topics are returned as such: 'insufficient_history'.

    Args:
        posts: distinct posts of one stratum; promoted ones and those outside the two weeks are left out here.
        now: the end of the scored window.
        own_tags: the tags that the query looked for, which say nothing about what it found.
    """
    kept = [post for post in posts if not post.promoted and timedelta(0) < now - post.created_at]
    windows, authors = _split(kept, now)
    generic = _generic(kept) | own_tags
    scored, base = windows[0], [window for window in windows[1:] if window.posts]
    base_total = sum(window.posts for window in base)
    names = {name for window in windows for name in window.counts} - generic
    if len(base) < LEAST_WINDOWS or base_total < LEAST_BASE_RATIO * scored.posts or not scored.posts:
        return _most_used(scored, names, authors)
    base_counts: Counter[str] = Counter()
    for window in base:
        base_counts.update(window.counts)
    p_values = {
        name: tail_probability(scored.counts[name], scored.posts, base_counts[name], base_total)
        for name in names
    }
    q_values = benjamini_hochberg(p_values)
    topics = [
        topic
        for name in names
        if scored.counts[name] >= LEAST_POSTS
        and (topic := _judge(name, windows, base_counts[name], base_total, authors[name], p_values, q_values))
    ]
    return sorted(topics, key=lambda topic: (-topic.weight, topic.name))


def tail_probability(x: int, n: int, base_x: int, base_n: int) -> float:
    """Return P(X ≥ x) among ``n`` posts, where the base saw ``base_x`` among ``base_n``.

    The Jeffreys predictive of a Poisson rate: X is negative binomial with shape base_x + ½ and success
    probability base_n / (base_n + n).
    """
    shape, success = base_x + 0.5, base_n / (base_n + n)
    term = success**shape
    below = 0.0
    for i in range(x):
        below += term
        term *= (shape + i) / (i + 1) * (1 - success)
    return min(1.0, max(0.0, 1.0 - below))


def benjamini_hochberg(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return each name's q-value: the false discovery rate at which it would just be accepted."""
    ranked = sorted(p_values, key=lambda name: (p_values[name], name), reverse=True)
    q_values: dict[str, float] = {}
    lowest = 1.0
    for behind, name in enumerate(ranked):
        rank = len(ranked) - behind
        lowest = min(lowest, p_values[name] * len(ranked) / rank)
        q_values[name] = lowest
    return q_values


def burst_weights(series: Sequence[tuple[int, int]], base_share: float) -> list[float]:
    """Return each window's burst weight, oldest first: how much cheaper the best burst state is, in nats.

    Kleinberg's automaton of four states with rates 1, 3, 9 and 27 times the base share, run forward with the
    costs kept relative; going up a state costs the logarithm of the number of windows.

    Args:
        series: posts of the topic and of all, per window.
        base_share: the topic's share in quiet times.
    """
    rates = [min(_MOST, base_share * 3**state) for state in range(_STATES)]
    climb = math.log(max(2, len(series)))
    costs = [0.0, *[climb * state for state in range(1, _STATES)]]
    weights: list[float] = []
    for x, n in series:
        emitted = [-(x * math.log(rate) + (n - x) * math.log1p(-rate)) for rate in rates]
        costs = [
            min(costs[before] + climb * max(0, state - before) for before in range(_STATES)) + emitted[state]
            for state in range(_STATES)
        ]
        lowest = min(costs)
        costs = [cost - lowest for cost in costs]
        weights.append(max(0.0, costs[0] - min(costs[1:])))
    return weights


def _split(posts: Sequence[Post], now: datetime) -> tuple[list[_Window], dict[str, Counter[str]]]:
    """Count topics per window, newest first, and the authors of each topic in the newest."""
    totals = [0] * (BASE_WINDOWS + 1)
    counts = [Counter[str]() for _ in totals]
    authors: dict[str, Counter[str]] = defaultdict(Counter)
    for post in posts:
        number = (now - post.created_at) // WINDOW
        if number > BASE_WINDOWS:
            continue
        totals[number] += 1
        counts[number].update(post.tags)
        if number == 0:
            for tag in post.tags:
                authors[tag][post.author] += 1
    return [_Window(total, count) for total, count in zip(totals, counts, strict=True)], authors


def _generic(posts: Sequence[Post]) -> frozenset[str]:
    counts = Counter(tag for post in posts for tag in post.tags)
    return frozenset(tag for tag, count in counts.items() if count > GENERIC_SHARE * len(posts))


def _most_used(window: _Window, names: set[str], authors: Mapping[str, Counter[str]]) -> list[Topic]:
    used = sorted(
        (name for name in names if window.counts[name]), key=lambda name: (-window.counts[name], name)
    )
    return [
        Topic(
            name=name,
            state="insufficient_history",
            posts=window.counts[name],
            total=window.posts,
            authors=len(authors[name]),
            share=window.counts[name] / window.posts,
            base_share=0.0,
            ratio=1.0,
            ratio_low=0.0,
            p_value=1.0,
            q_value=1.0,
            weight=0.0,
            windows_in_burst=0,
            reasons=("too little history to tell what is usual",),
        )
        for name in used[:10]
    ]


def _judge(
    name: str,
    windows: Sequence[_Window],
    base_x: int,
    base_n: int,
    authors: Counter[str],
    p_values: Mapping[str, float],
    q_values: Mapping[str, float],
) -> Topic | None:
    x, n = windows[0].counts[name], windows[0].posts
    ratio = ((x + 0.5) / n) / ((base_x + 0.5) / base_n)
    ratio_low = math.exp(math.log(ratio) - 1.645 * math.sqrt(1 / (x + 0.5) + 1 / (base_x + 0.5)))
    series = [(window.counts[name], window.posts) for window in reversed(windows)]
    weights = burst_weights(series, (base_x + 0.5) / base_n)
    broad = len(authors) >= LEAST_AUTHORS and max(authors.values()) <= MOST_OF_ONE_AUTHOR * x
    if not broad or weights[-1] < LEAST_WEIGHT:
        return None
    confirmed = q_values[name] < FALSE_DISCOVERY_RATE and ratio_low >= LEAST_RATIO
    in_burst = next((age for age, weight in enumerate(reversed(weights)) if weight == 0), len(weights))
    state: State = "watch" if not confirmed else "emerging" if in_burst <= 1 else "rising"
    expected = n * (base_x + 0.5) / base_n
    return Topic(
        name=name,
        state=state,
        posts=x,
        total=n,
        authors=len(authors),
        share=x / n,
        base_share=base_x / base_n,
        ratio=ratio,
        ratio_low=ratio_low,
        p_value=p_values[name],
        q_value=q_values[name],
        weight=weights[-1],
        windows_in_burst=in_burst,
        reasons=(
            f"{x} of {n} posts ({x / n:.1%}) where {expected:.2g} were expected",
            f"{ratio:.1f}× usual, at least {ratio_low:.1f}×",
            f"{len(authors)} creators",
            f"in burst for {in_burst} of the last {len(windows)} days",
        ),
    )
