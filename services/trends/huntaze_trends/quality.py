"""How good each post is as evidence: a verdict and its reasons. Nothing is dropped in silence."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from msgspec import Struct

from huntaze_trends.columns import columns_of
from huntaze_trends.near_duplicates import duplicate_groups
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
    """The earliest post of the scrape with nearly the same text, by whomever."""

    @property
    def counts(self) -> bool:
        """Whether the post is evidence for trends."""
        return self.verdict == "kept"


def assess(posts: Sequence[Post], *, now: datetime) -> list[Assessment]:
    """Judge each post of a scrape, in their order.

    Promoted and stale posts, repetitions and invalid ones are kept in the store and left out of the counts;
    doubtful figures are noted and count.
    """
    columns = columns_of(posts)
    place = {id(post): number for number, post in enumerate(columns.posts)}
    groups = duplicate_groups(columns)
    firsts: set[tuple[int, int]] = set()
    repeated = np.zeros(len(posts), np.bool_)
    for number, group in enumerate(groups.tolist()):
        key = (group, int(columns.authors[number]))
        repeated[number] = key in firsts
        firsts.add(key)
    judged: list[Assessment] = []
    for post in posts:
        number = place[id(post)]
        earliest = columns.posts[int(groups[number])]
        judged.append(_judge(post, now, bool(repeated[number]), None if earliest is post else earliest))
    return judged


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
