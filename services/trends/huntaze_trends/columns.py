"""Posts as columns: the form in which they are compared and counted."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from huntaze_trends.posts import Post
from huntaze_trends.words import words

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Names(dict[str, int]):
    """Numbers for names, in the order of their first use. Number 0 is the gap between phrases."""

    def __init__(self) -> None:
        """Begin with the gap."""
        super().__init__()
        self[""] = 0

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


def columns_of(posts: Sequence[Post]) -> Columns:
    """Arrange posts by time, so that nothing depends on the order in which they were read."""
    posts = sorted(posts, key=_moment_and_id)
    names = Names()
    number = names.__getitem__
    texts = [[*map(number, words(post.text)), 0] for post in posts]
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    marks = [_labels(post) for post in posts]
    label_numbers = [number(mark) for mark in chain.from_iterable(marks)]
    authors = Names()
    author = authors.__getitem__
    return Columns(
        posts=posts,
        created=np.fromiter((post.created_at.timestamp() for post in posts), np.float64, len(posts)),
        authors=np.array([author(f"{p.platform} {p.author or p.external_id}") for p in posts], np.int64),
        promoted=np.fromiter((post.promoted for post in posts), np.bool_, len(posts)),
        tokens=np.fromiter(chain.from_iterable(texts), np.int64, int(lengths.sum())),
        starts=np.cumsum(lengths) - lengths,
        labels=np.array(label_numbers, np.int64),
        label_posts=np.repeat(np.arange(len(posts)), [len(mark) for mark in marks]),
        names=list(names),
    )


def _moment_and_id(post: Post) -> tuple[float, str, str]:
    return post.created_at.timestamp(), post.platform, post.external_id


def _labels(post: Post) -> list[str]:
    labels = [f"#{tag}" for tag in post.tags]
    if post.sound:
        labels.append(f"♪{post.sound}")
    return labels
