"""Which topics rise: share of the sample against its own past, with a bounded rate of false alarms.

Shares count and not numbers, so that a larger sample alone makes no trend. A stratum is what one query found
on one platform. Windows have six hours, or a day where six hours hold too few posts to tell anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from huntaze_trends.bursts import alarms
from huntaze_trends.columns import Columns, Flags, Floats, Ints, columns_of
from huntaze_trends.counting import Occurrences, authors_of, history_of, in_windows, occurrences
from huntaze_trends.near_duplicates import duplicate_groups
from huntaze_trends.posts import Post
from huntaze_trends.quality import repeats
from huntaze_trends.scoring import (
    FULL_WINDOW,
    LEAST_POSTS,
    LEAST_WEIGHT_SMALL,
    History,
    Scores,
    score,
    verdicts,
)
from huntaze_trends.stages import Stage, life
from huntaze_trends.stories import also, stories, title

VERSION = "2026-11"
"""Of the definitions; kept with what they found."""
HORIZON = timedelta(days=14)
SHORT, LONG = timedelta(hours=6), timedelta(hours=24)
LEAST_WINDOWS = 8
LEAST_BASE_RATIO = 5
"""The base must have this many times the window's posts, or nothing is claimed."""
GENERIC_SHARE = 0.2
"""A topic on more of all posts than this says nothing: fyp, viral, the, and."""
MOST_TOPICS = 40
QUIET, RISE = timedelta(hours=36), 2.0
"""As chosen on the first half of the labelled series of ``bench/trends/volume.py``."""
_EXAMPLES = 5

State = Stage | Literal["insufficient_history", "watch"]
Kind = Literal["tag", "sound", "phrase", "word"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One story of the day that ends with the newest window, and everything that its state follows from."""

    name: str
    kind: Kind
    state: State
    also: tuple[str, ...] = ()
    """Other topics of the same posts."""
    posts: int
    total: int
    authors: int
    of_busiest: int
    """Posts of the author with most of them."""
    share: float
    base_share: float
    expected: float
    ratio: float
    ratio_low: float
    p_value: float
    q_value: float
    weight: float
    level: int
    windows: int
    """How many windows the burst has lasted."""
    is_news: bool
    """Whether to tell people: not again within a day and a half, unless its share doubled."""
    since: datetime | None
    """The start of the window in which the burst began."""
    peak_share: float
    half_life_h: float | None
    sponsored_share: float
    examples: tuple[Post, ...]
    """At most five, by different authors, the most viewed first."""
    history: tuple[float, ...]
    """Shares, the newest last."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What one stratum shows at one moment."""

    enough_history: bool
    until: datetime
    width: timedelta
    total: int
    """Posts of the scored window that count."""
    windows: int
    """How many of the windows before it had posts."""
    base_total: int
    repeats: int
    """Posts that repeat one of the same author, within the horizon; they do not count."""
    topics: tuple[Topic, ...]
    """Without enough history the most used topics, which claim nothing."""


def detect(posts: Iterable[Post], *, until: datetime, own: frozenset[str] = frozenset()) -> Detection:
    """Tell what rises in the window that ends at ``until``, the heaviest burst first.

    The result does not depend on the order of the posts. Promoted posts do not count. Near-copies by one
    author count once; the same text by different authors counts each time: copying is the trend.

    Args:
        posts: distinct posts of one stratum.
        until: the end of the scored window.
        own: the tags and words that the query looked for; they say nothing about what it found.
    """
    columns = columns_of(posts)
    return detect_in(columns, duplicate_groups(columns), until=until, own=own)


def detect_in(columns: Columns, groups: Ints, *, until: datetime, own: frozenset[str]) -> Detection:
    """Do what `detect` does, for posts that are arranged already and whose near-copies are known."""
    end = until.timestamp()
    inside = (columns.created >= end - HORIZON.total_seconds()) & (columns.created < end)
    repeated = inside & repeats(columns, groups)
    kept = inside & ~columns.promoted & ~repeated
    width = _width(columns.created[kept], end)
    windows = HORIZON // width
    window_of = in_windows(columns.created, until=end, width=width.total_seconds(), windows=windows)
    found = _informative(occurrences(columns), columns, kept, own)
    history = history_of(found, window_of, kept, windows=windows, day=LONG // width)
    total, base_total = int(history.totals[-1]), int(history.totals[:-1].sum())
    with_posts = int(np.count_nonzero(history.totals[:-1]))
    enough = with_posts >= LEAST_WINDOWS and base_total >= LEAST_BASE_RATIO * total
    view = _View(columns, found, history, window_of, kept, until, width)
    topics = () if not total else _trends(view) if enough else _most_used(view)
    return Detection(enough, until, width, total, with_posts, base_total, int(repeated.sum()), topics)


@dataclass(frozen=True, slots=True)
class _View:
    columns: Columns
    found: Occurrences
    history: History
    window_of: Ints
    kept: Flags
    until: datetime
    width: timedelta

    @property
    def today(self) -> Flags:
        """The posts of the day that ends with the newest window, those that do not count too."""
        return self.window_of >= len(self.history.totals) - self.history.day

    def name(self, topic: int) -> str:
        return self.found.name(topic, self.columns.names)

    def posts_of(self, topic: int, among: Flags) -> Ints:
        first, last = np.searchsorted(self.found.topics, [topic, topic + 1])
        posts = self.found.posts[first:last]
        return posts[among[posts]]


def _width(created: Floats, end: float) -> timedelta:
    in_short = np.count_nonzero(created >= end - SHORT.total_seconds())
    return SHORT if in_short >= FULL_WINDOW else LONG


def _informative(found: Occurrences, columns: Columns, kept: Flags, own: frozenset[str]) -> Occurrences:
    """Leave out what is on too many posts, and what the query looked for."""
    often = np.bincount(found.topics[kept[found.posts]], minlength=len(found.codes))
    generic = often > GENERIC_SHARE * max(1, np.count_nonzero(kept))
    numbers = [number for number, name in enumerate(columns.names) if name in own]
    first, second = found.words()
    generic |= np.isin(second, numbers) & ((first < 0) | np.isin(first, numbers))
    chosen = ~generic[found.topics]
    return Occurrences(found.codes, found.topics[chosen], found.posts[chosen])


def _trends(view: _View) -> tuple[Topic, ...]:
    scores = score(view.history)
    counting = view.kept & view.today
    authors, busiest = authors_of(view.found, counting, view.columns.authors, scores.topics)
    confirmed, watched = verdicts(scores, authors, busiest, int(view.history.totals[-1]))
    chosen = np.flatnonzero(watched)
    names = [view.name(topic) for topic in scores.topics[chosen].tolist()]
    # Confirmed first, then by weight; names decide what is equal, so that no order of posts does.
    ranked = sorted(
        range(len(chosen)),
        key=lambda i: (-int(confirmed[chosen[i]]), -round(float(scores.weight[chosen[i]]), 9), names[i]),
    )
    chosen, names = chosen[ranked], [names[i] for i in ranked]
    posts = [frozenset(view.posts_of(topic, counting).tolist()) for topic in scores.topics[chosen].tolist()]
    topics: list[Topic] = []
    for group in stories(posts)[:MOST_TOPICS]:
        group_names = [names[i] for i in group]
        head = title(group_names)
        # A story is confirmed if any of its topics is; that one tells the figures.
        best = group[0] if confirmed[chosen[group[0]]] and not confirmed[chosen[group[head]]] else group[head]
        row = int(chosen[best])
        others = also(names[best], [name for i, name in zip(group, group_names, strict=True) if i != best])
        topics.append(_topic(view, scores, row, names[best], others, bool(confirmed[row]), authors, busiest))
    return tuple(topics)


def _topic(
    view: _View,
    scores: Scores,
    row: int,
    name: str,
    others: tuple[str, ...],
    confirmed: bool,
    authors: Ints,
    busiest: Ints,
) -> Topic:
    counts, totals = scores.counts[row], view.history.totals
    posts, total = int(scores.posts[row]), scores.total
    course = life(counts, totals, scores.weights[row], width_h=view.width.total_seconds() / 3600)
    of_day = view.posts_of(int(scores.topics[row]), view.today)
    base_share = float(scores.base_posts[row] / scores.base_total)
    return Topic(
        name=name,
        kind=kind_of(name),
        state=course.stage if confirmed else "watch",
        also=others,
        posts=posts,
        total=total,
        authors=int(authors[row]),
        of_busiest=int(busiest[row]),
        share=posts / total,
        base_share=base_share,
        expected=float(total * (scores.base_posts[row] + 0.5) / scores.base_total),
        ratio=float(scores.ratio[row]),
        ratio_low=float(scores.ratio_low[row]),
        p_value=float(scores.p_values[row]),
        q_value=float(scores.q_values[row]),
        weight=float(scores.weight[row]),
        level=int(scores.levels[row, -1]),
        windows=course.windows,
        is_news=confirmed and _is_news(scores.weights[row], counts / np.maximum(1, totals), view.width),
        since=view.until - view.width * course.windows,
        peak_share=course.peak_share,
        half_life_h=course.half_life_h,
        sponsored_share=float(view.columns.promoted[of_day].mean()),
        examples=_examples(view, int(scores.topics[row])),
        history=tuple((counts / np.maximum(1, totals)).tolist()),
    )


def _is_news(weights: Floats, shares: Floats, width: timedelta) -> bool:
    quiet = round(QUIET / width)
    return bool(alarms(weights, shares, threshold=LEAST_WEIGHT_SMALL, quiet=quiet, rise=RISE)[-1])


def _most_used(view: _View) -> tuple[Topic, ...]:
    """Return the labels with most posts of the day, which is all that can be said without a past."""
    counting = view.kept & view.today
    recent = np.arange(len(view.history.totals)) >= len(view.history.totals) - view.history.day
    seen, total = view.history.sums(recent), int(view.history.totals[recent].sum())
    used = [
        (int(seen[topic]), view.name(topic), topic) for topic in np.flatnonzero(seen >= LEAST_POSTS).tolist()
    ]
    used = sorted((u for u in used if u[1][0] in "#♪"), key=lambda u: (-u[0], u[1]))[:10]
    authors, busiest = authors_of(
        view.found, counting, view.columns.authors, np.array([u[2] for u in used], np.int64)
    )
    return tuple(
        Topic(
            name=name,
            kind=kind_of(name),
            state="insufficient_history",
            posts=count,
            total=total,
            authors=int(authors[i]),
            of_busiest=int(busiest[i]),
            share=count / total,
            base_share=0.0,
            expected=0.0,
            ratio=1.0,
            ratio_low=0.0,
            p_value=1.0,
            q_value=1.0,
            weight=0.0,
            level=0,
            windows=0,
            is_news=False,
            since=None,
            peak_share=count / total,
            half_life_h=None,
            sponsored_share=float(view.columns.promoted[view.posts_of(topic, view.today)].mean()),
            examples=_examples(view, topic),
            history=(count / total,),
        )
        for i, (count, name, topic) in enumerate(used)
    )


def _examples(view: _View, topic: int) -> tuple[Post, ...]:
    posts = [view.columns.posts[number] for number in view.posts_of(topic, view.kept & view.today).tolist()]
    posts.sort(key=_most_viewed_first)
    examples: dict[str, Post] = {}
    for post in posts:
        examples.setdefault(post.author or post.external_id, post)
    return tuple(examples.values())[:_EXAMPLES]


def _most_viewed_first(post: Post) -> tuple[int, str]:
    return -(post.views or post.likes or 0), post.external_id


def kind_of(name: str) -> Kind:
    """Tell what a topic's name names."""
    return "tag" if name[0] == "#" else "sound" if name[0] == "♪" else "phrase" if " " in name else "word"
