"""How good each post is as evidence: a verdict and its reasons. Nothing is dropped in silence."""

from datetime import datetime, timedelta

import numpy as np
from msgspec import Struct

from huntaze_trends.columns import Columns, Flags, Ints
from huntaze_trends.posts import Post

OLDEST = timedelta(days=30)
_AHEAD = timedelta(minutes=5)
"""By which a platform's clock may be ahead of ours."""
_LIKELY_LIKES = 0.5
"""More likes a view than this are rare among people."""


class Assessment(Struct, frozen=True, gc=False):
    """What a post counts for."""

    verdict: str
    """kept, promoted, repeated (of the same author), stale or invalid."""
    reasons: tuple[str, ...] = ()
    duplicate_of: str | None = None
    """The earliest post of the query with nearly the same text, by whomever."""

    @property
    def counts(self) -> bool:
        """Whether the post is evidence for trends."""
        return self.verdict == "kept"


def assess(columns: Columns, groups: Ints, *, now: datetime) -> list[Assessment]:
    """Judge each post, in the order of ``columns``.

    Promoted and stale posts, repetitions and invalid ones are kept in the store and left out of the counts;
    doubtful figures are noted and count.

    Args:
        columns: the posts.
        groups: of near-copies, from `duplicate_groups`.
        now: when the posts were read.
    """
    repeated = repeats(columns, groups).tolist()
    earliest = groups.tolist()
    return [
        _judge(
            post,
            now,
            repeated[number],
            columns.posts[earliest[number]] if earliest[number] != number else None,
        )
        for number, post in enumerate(columns.posts)
    ]


def repeats(columns: Columns, groups: Ints) -> Flags:
    """Tell which posts nearly repeat an earlier one of the same author."""
    found = np.ones(len(groups), np.bool_)
    if len(groups):
        pairs = groups * (int(columns.authors.max()) + 1) + columns.authors
        found[np.unique(pairs, return_index=True)[1]] = False
    return found


def _judge(post: Post, now: datetime, repeated: bool, earliest: Post | None) -> Assessment:
    reasons: list[str] = []
    verdict = "kept"
    if repeated:
        verdict = "repeated"
        reasons.append("repeats a post of the same author")
    if now - post.created_at > OLDEST:
        verdict = "stale"
        reasons.append(f"older than {OLDEST.days} days")
    if post.promoted:
        verdict = "promoted"
        reasons.append("an advertisement or paid partnership")
    if post.created_at - now > _AHEAD:
        verdict = "invalid"
        reasons.append("made in the future")
    if not post.author:
        reasons.append("the author is unknown")
    if not post.text and not post.tags:
        reasons.append("no text and no tags")
    if post.views and post.likes is not None and post.likes > _LIKELY_LIKES * post.views:
        reasons.append("more than one like for two views")
    return Assessment(verdict, tuple(reasons), earliest.external_id if earliest else None)
