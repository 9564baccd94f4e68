"""Posts as columns: the form in which they are compared and counted."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from huntaze_trends.posts import Post
from huntaze_trends.words import GAP, words

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Names(dict[str, int]):
    """Numbers for names, in the order of their first use. Number 0 is the gap between phrases."""

    def __init__(self) -> None:
        """Begin with the gap."""
        super().__init__()
        self[GAP] = 0

    def __missing__(self, name: str) -> int:
        """Give the next number."""
        number = self[name] = len(self)
        return number


@dataclass(frozen=True, slots=True)
class Columns:
    """Some posts, in the order of time; ``n`` of them."""

    posts: Sequence[Post]
    created: Floats
    """(n,) Seconds since the epoch."""
    authors: Ints
    """(n,) A number for each author; posts without one have one of their own each."""
    promoted: Flags
    """(n,)"""
    tokens: Ints
    """All texts one after the other, a gap behind each."""
    starts: Ints
    """(n,) Where each text begins in ``tokens``."""
    labels: Ints
    """All tags (#…) and sounds (♪…), as numbers of names."""
    label_posts: Ints
    """To which post each label belongs."""
    names: Sequence[str]
    """What the numbers of tokens and labels stand for."""

    def stable_hashes(self) -> NDArray[np.uint64]:
        """Return a hash of each name that does not depend on the order of the posts."""
        values = np.fromiter((zlib.crc32(name.encode()) for name in self.names), np.uint64, len(self.names))
        return values * np.uint64(0x9E3779B97F4A7C15)


def columns_of(posts: Iterable[Post]) -> Columns:
    """Arrange posts by time, so that nothing depends on the order in which they were read."""
    posts = sorted(posts, key=_moment_and_id)
    names, authors = Names(), Names()
    tokens, starts = tokenised((post.text for post in posts), names)
    marks = [_labels(post) for post in posts]
    return Columns(
        posts=posts,
        created=np.fromiter((post.created_at.timestamp() for post in posts), np.float64, len(posts)),
        authors=np.array([authors[f"{p.platform} {p.author or p.external_id}"] for p in posts], np.int64),
        promoted=np.fromiter((post.promoted for post in posts), np.bool_, len(posts)),
        tokens=tokens,
        starts=starts,
        labels=np.array([names[mark] for mark in chain.from_iterable(marks)], np.int64),
        label_posts=np.repeat(np.arange(len(posts)), [len(mark) for mark in marks]),
        names=list(names),
    )


def tokenised(texts: Iterable[str], names: Names) -> tuple[Ints, Ints]:
    """Return the numbers of all texts' words, a gap behind each text, and where each text begins.

    Numbers in texts are gaps too: dates and counts recur without meaning anything.
    """
    found: list[str] = []
    ends: list[int] = []
    for text in texts:
        found += words(text)
        found.append(GAP)
        ends.append(len(found))
    tokens = np.fromiter(map(names.__getitem__, found), np.int64, len(found))
    meaning = np.fromiter((not name.isdigit() for name in names), np.bool_, len(names))
    return np.where(meaning[tokens], tokens, 0), np.array([0, *ends][:-1], np.int64)


def _moment_and_id(post: Post) -> tuple[float, str, str]:
    return post.created_at.timestamp(), post.platform, post.external_id


def _labels(post: Post) -> list[str]:
    labels = [f"#{tag}" for tag in post.tags]
    if post.sound:
        labels.append(f"♪{post.sound}")
    return labels
