"""Texts that are nearly the same: MinHash to find candidates, then the true Jaccard similarity.

Broder, "On the resemblance and containment of documents" (1997). Eight bands of three hashes let a pair with
a similarity of 0.8 through with a probability of 99.7 %; what gets through by mistake is dropped.
"""

import numpy as np
from numpy.typing import NDArray

from huntaze_trends.columns import Columns, Ints

SIMILARITY = 0.8
_SHINGLE = 3
_BANDS, _ROWS = 8, 3
_MIX = np.random.default_rng(20261123).integers(1, 2**63, (_BANDS * _ROWS, 2), dtype=np.uint64) | np.uint64(1)


def duplicate_groups(columns: Columns) -> Ints:
    """Return for each post the number of the earliest post whose text is nearly the same: its own if none is.

    A text counts as the set of its runs of three words; shorter ones only equal themselves, and posts without
    words equal nothing.
    """
    groups = np.arange(len(columns.posts))
    shingles, owners = _shingles(columns)
    if not len(shingles):
        return groups
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    with_words = owners[starts]
    ends = np.append(starts[1:], len(shingles))
    minima = np.stack(
        [np.minimum.reduceat((shingles * a + b) >> np.uint64(11), starts) for a, b in _MIX], axis=1
    )
    parents = list(range(len(with_words)))
    for first, second in sorted(_candidates(minima)):
        root, other = _root(parents, first), _root(parents, second)
        mine, theirs = slice(starts[first], ends[first]), slice(starts[second], ends[second])
        if root != other and _similar(shingles[mine], shingles[theirs]):
            parents[max(root, other)] = min(root, other)
    groups[with_words] = with_words[[_root(parents, number) for number in range(len(parents))]]
    return groups


def _shingles(columns: Columns) -> tuple[NDArray[np.uint64], Ints]:
    """Return the distinct shingles of each post, as hashes, and whose they are; sorted by post, then hash."""
    words = columns.tokens != 0
    hashes = columns.stable_hashes()[columns.tokens[words]]
    lengths = np.diff(columns.starts, append=len(columns.tokens))
    owners = np.repeat(np.arange(len(lengths)), lengths)[words]
    if not len(hashes):
        return hashes, owners
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    counts = np.diff(first, append=len(owners))
    # A text shorter than a shingle is one shingle of its own, made of what there is.
    place = np.arange(len(owners)) - np.repeat(first, counts)
    kept = place <= np.maximum(np.repeat(counts, counts) - _SHINGLE, 0)
    padded = np.concatenate([hashes, np.zeros(_SHINGLE, np.uint64)])
    whose = np.concatenate([owners, np.full(_SHINGLE, -1)])
    mixed = hashes[kept].copy()
    for step in range(1, _SHINGLE):
        at = np.flatnonzero(kept) + step
        following = np.where(whose[at] == owners[kept], padded[at], np.uint64(0))
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + following
    mixed ^= mixed >> np.uint64(32)
    mine = owners[kept]
    order = np.lexsort((mixed, mine))
    mixed, mine = mixed[order], mine[order]
    distinct = np.ones(len(mixed), np.bool_)
    distinct[1:] = (mixed[1:] != mixed[:-1]) | (mine[1:] != mine[:-1])
    return mixed[distinct], mine[distinct]


def _candidates(minima: NDArray[np.uint64]) -> set[tuple[int, int]]:
    """Return pairs that agree in a whole band: each post with its bucket's first and with its neighbour."""
    pairs: set[tuple[int, int]] = set()
    for band in np.split(minima, _BANDS, axis=1):
        key = band[:, 0] * _MIX[0, 0] + band[:, 1] * _MIX[1, 0] + band[:, 2] * _MIX[2, 0]
        order = np.argsort(key, kind="stable")
        same = key[order][1:] == key[order][:-1]
        if not same.any():
            continue
        first_of_bucket = np.maximum.accumulate(
            np.where(np.concatenate([[True], ~same]), np.arange(len(order)), 0)
        )
        later = np.flatnonzero(same) + 1
        pairs.update(zip(order[later - 1].tolist(), order[later].tolist(), strict=True))
        pairs.update(zip(order[first_of_bucket[later]].tolist(), order[later].tolist(), strict=True))
    return pairs


def _similar(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> bool:
    shorter, longer = sorted((len(first), len(second)))
    if shorter < SIMILARITY * longer:
        return False
    shared = len(first) + len(second) - len(set(first.tolist()) | set(second.tolist()))
    return shared >= SIMILARITY * (len(first) + len(second) - shared)


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number
