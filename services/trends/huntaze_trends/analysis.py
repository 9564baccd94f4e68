"""From what a scrape brought to what is told: pure, given the posts and the instant."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from huntaze_contracts.trends import Example, Platform, Trend
from msgspec import Struct

from huntaze_trends import detection
from huntaze_trends.columns import columns_of
from huntaze_trends.detection import Detection, Topic, detect_in
from huntaze_trends.forecast import Growth, GrowthModel
from huntaze_trends.near_duplicates import duplicate_groups
from huntaze_trends.posts import Post
from huntaze_trends.quality import Assessment, assess
from huntaze_trends.scoring import FULL_WINDOW
from huntaze_trends.virality import Measured, Virality, virality

FORECAST_HOURS = (24.0, 72.0)


class Judgement(Struct, frozen=True, gc=False):
    """What is stored about a post of a scrape beside its counts."""

    verdict: str
    reasons: tuple[str, ...]
    duplicate_of: str | None
    virality: Virality | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one scrape shows."""

    detection: Detection
    assessments: Sequence[Assessment]
    """Of the scrape's posts, in their order."""
    scores: Mapping[str, Virality]
    """Of all posts of the query, by their id."""

    @property
    def not_counted(self) -> dict[str, int]:
        """How many posts are no evidence, by verdict."""
        verdicts = Counter(each.verdict for each in self.assessments if not each.counts)
        return dict(sorted(verdicts.items()))

    def judgements(self, posts: Sequence[Post]) -> list[Judgement]:
        """Return what is stored about each of the scrape's posts."""
        return [
            Judgement(a.verdict, a.reasons, a.duplicate_of, self.scores.get(post.external_id))
            for post, a in zip(posts, self.assessments, strict=True)
        ]


def analyse(
    posts: Sequence[Post],
    earlier: Sequence[Measured],
    growth: Mapping[float, Sequence[Growth]],
    *,
    at: datetime,
    own: frozenset[str],
) -> Analysis:
    """Judge, detect and score.

    Args:
        posts: what the scrape brought, with counts as of ``at``.
        earlier: all posts of the query that were seen before, with their latest counts.
        growth: examples of how views grew, by the hours of the forecast that they are for.
        at: when the scrape ended.
        own: topics that the query looked for.
    """
    fresh = {post.external_id for post in posts}
    before = {seen.post.external_id: seen for seen in earlier}
    others = [seen for seen in earlier if seen.post.external_id not in fresh]
    columns = columns_of([*posts, *(seen.post for seen in others)])
    groups = duplicate_groups(columns)
    judged = {
        post.external_id: assessment
        for post, assessment in zip(columns.posts, assess(columns, groups, now=at), strict=True)
    }
    found = detect_in(columns, groups, until=at, own=own)
    real = [post for post in posts if judged[post.external_id].verdict != "invalid"]
    measured = [_measured(post, at, before.get(post.external_id)) for post in real] + others
    models = [GrowthModel(growth[hours], hours=hours) for hours in sorted(growth)]
    scores = virality(measured, models)
    by_id = {m.post.external_id: score for m, score in zip(measured, scores, strict=True)}
    return Analysis(found, [judged[post.external_id] for post in posts], by_id)


def trend_of(
    topic: Topic,
    scores: Mapping[str, Virality],
    *,
    stratum: str,
    platforms: Sequence[Platform],
    caveats: Sequence[str],
) -> Trend:
    """Write a topic as the contract has it."""
    return Trend(
        identifier=label(topic.name),
        id=trend_id(stratum, topic.name),
        kind=topic.kind,
        state=topic.state,
        also=tuple(map(label, topic.also)),
        posts=topic.posts,
        total_posts=topic.total,
        authors=topic.authors,
        share=topic.share,
        base_share=topic.base_share,
        expected_posts=topic.expected,
        ratio=topic.ratio,
        ratio_low=topic.ratio_low,
        p_value=topic.p_value,
        q_value=topic.q_value,
        burst_weight=topic.weight,
        burst_level=topic.level,
        since=topic.since,
        is_news=topic.is_news,
        top_author_share=topic.of_busiest / topic.posts,
        peak_share=topic.peak_share,
        half_life_hours=topic.half_life_h,
        sponsored_share=topic.sponsored_share,
        platforms=tuple(platforms),
        examples=tuple(_example(post, scores.get(post.external_id)) for post in topic.examples),
        history=topic.history,
        reasons=reasons(topic),
        caveats=(*_caveats(topic), *caveats),
    )


def record_of(topic: Topic, trend: Trend) -> dict[str, object]:
    """Write a trend as the database has it; the name there is the topic's full one."""
    record: dict[str, object] = msgspec.structs.asdict(trend)
    return {
        **record,
        "name": topic.name,
        "trend_id": trend.id,
        "weight": topic.weight,
        "level": topic.level,
        "expected": topic.expected,
        "of_busiest": topic.of_busiest,
        "half_life_h": topic.half_life_h,
        "windows_in_burst": topic.windows,
        "examples": [example.id for example in trend.examples],
        "detector_version": detection.VERSION,
    }


def reasons(topic: Topic) -> tuple[str, ...]:
    """Say in words, from the figures, why the topic is what it is."""
    share = f"{topic.posts} of {topic.total} posts ({topic.share:.1%})"
    if topic.state == "insufficient_history":
        return (f"{share}; too little history to tell what is usual", _creators(topic))
    return (
        f"{share} in 24 hours where {topic.expected:.2g} were expected",
        f"{against_usual(topic)} its usual share",
        _creators(topic),
        f"in burst since {topic.since:%a %d %b %H:%M} UTC" if topic.since else "not in burst",
    )


def against_usual(topic: Topic | Trend) -> str:
    """Say how many times its usual share a topic has; of what is new, only how many at least."""
    low = f"at least {_times(topic.ratio_low)}"
    return f"{_times(topic.ratio)}, {low}" if topic.base_share else f"new, {low}"


def label(name: str) -> str:
    """Return a topic's name without the mark of its kind."""
    return name.lstrip("#♪")[:200]


def trend_id(stratum: str, name: str) -> str:
    """Name a trend of a query for ever."""
    return "trend-" + hashlib.sha256(f"{stratum}\0{name}".encode()).hexdigest()[:24]


def _times(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"


def _creators(topic: Topic) -> str:
    creators = "1 creator" if topic.authors == 1 else f"{topic.authors} creators"
    return f"{creators}, the busiest with {topic.of_busiest}"


def _caveats(topic: Topic) -> list[str]:
    caveats: list[str] = []
    if topic.total < FULL_WINDOW:
        caveats.append(f"a small sample: {topic.total} posts")
    if topic.sponsored_share > 0.3:
        caveats.append(f"{topic.sponsored_share:.0%} of its posts are promoted")
    if topic.state == "watch":
        caveats.append("not significant yet")
    return caveats


def _example(post: Post, score: Virality | None) -> Example:
    return Example(
        id=post.external_id,
        url=post.url,
        views=post.views,
        likes=post.likes,
        cohort_percentile=score.cohort_percentile if score else None,
    )


def _measured(post: Post, at: datetime, before: Measured | None) -> Measured:
    # The snapshot before is the latest that an earlier scrape made.
    return Measured(post, at, before.post.views, before.captured_at) if before else Measured(post, at)
