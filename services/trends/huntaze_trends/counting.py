"""From posts to topics and windows: what occurred, when, and by how many authors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huntaze_trends.columns import Columns, Flags, Floats, Ints
from huntaze_trends.scoring import History

_PHRASE = 32
"""Bits: a phrase of two words is the number of the first (plus one) above that of the second."""


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Which post has which topic, each pair once, sorted by topic."""

    codes: Ints
    """(topics,) What each topic is: see `name`."""
    topics: Ints
    """(pairs,) Numbers into ``codes``."""
    posts: Ints
    """(pairs,) Numbers of posts."""

    def words(self) -> tuple[Ints, Ints]:
        """Return (topics,) the numbers of each topic's first and second name; alone, the first is −1."""
        return (self.codes >> _PHRASE) - 1, self.codes & ((1 << _PHRASE) - 1)

    def name(self, topic: int, names: Sequence[str]) -> str:
        """Return the topic's name: a word, two words, '#tag' or '♪sound'."""
        first, second = divmod(int(self.codes[topic]), 1 << _PHRASE)
        return f"{names[first - 1]} {names[second]}" if first else names[second]


def occurrences(columns: Columns) -> Occurrences:
    """Find the topics of all posts: words, phrases of two, tags and sounds, each once a post."""
    tokens = columns.tokens
    lengths = np.diff(columns.starts, append=len(tokens))
    owners = np.repeat(np.arange(len(lengths)), lengths)
    words = tokens != 0
    # Each text ends with a gap, so no phrase reaches into the next post.
    phrases = words[:-1] & words[1:]
    first, second = tokens[:-1][phrases], tokens[1:][phrases]
    codes = np.concatenate([tokens[words], ((first + 1) << _PHRASE) | second, columns.labels])
    posts = np.concatenate([owners[words], owners[:-1][phrases], columns.label_posts])
    order = np.argsort(codes, kind="stable")  # a code has one kind, so its posts stay in their order
    codes, posts = codes[order], posts[order]
    new = np.diff(codes, prepend=-1) != 0
    kept = new | (np.diff(posts, prepend=-1) != 0)
    return Occurrences(codes[new], (np.cumsum(new) - 1)[kept], posts[kept])


def in_windows(created: Floats, *, until: float, width: float, windows: int) -> Ints:
    """Return in which window each post was made, the newest being ``windows`` − 1; −1 for none.

    Windows are half-open, ``[start, end)``; the newest ends at ``until``. Times and ``width`` in seconds.
    """
    back = np.ceil((until - created) / width).astype(np.int64) - 1
    return np.where((created < until) & (back < windows), windows - 1 - back, -1)


def history_of(found: Occurrences, window_of: Ints, kept: Flags, *, windows: int, day: int) -> History:
    """Count topics in windows, over the posts that are ``kept`` and in a window."""
    inside = kept & (window_of >= 0)
    totals = np.bincount(window_of[inside], minlength=windows)
    chosen = inside[found.posts]
    cells = found.topics[chosen] * windows + window_of[found.posts[chosen]]
    distinct, posts = np.unique(cells, return_counts=True)
    return History(totals, distinct // windows, distinct % windows, posts, len(found.codes), day)


def authors_of(found: Occurrences, chosen: Flags, authors: Ints, topics: Ints) -> tuple[Ints, Ints]:
    """Return for some topics how many authors the chosen posts have, and the most posts of one author.

    Args:
        found: all occurrences.
        chosen: (posts,) which posts count.
        authors: (posts,) the author of each.
        topics: (n,) the topics asked for.
    """
    place = np.full(len(found.codes), -1)
    place[topics] = np.arange(len(topics))
    mine = chosen[found.posts] & (place[found.topics] >= 0)
    span = int(authors.max(initial=0)) + 1
    pairs, posts = np.unique(
        place[found.topics[mine]] * span + authors[found.posts[mine]], return_counts=True
    )
    of_topic = pairs // span
    busiest = np.zeros(len(topics), np.int64)
    np.maximum.at(busiest, of_topic, posts)
    return np.bincount(of_topic, minlength=len(topics)), busiest
