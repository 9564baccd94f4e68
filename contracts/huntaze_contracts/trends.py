"""The trends service: scrape posts, detect what rises, recommend what to do about it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from huntaze_contracts.base import Count, Id, Instant, Line, Payload, Result, Score

Platform = Literal["tiktok", "instagram", "youtube", "x", "reddit"]
QueryKind = Literal["keyword", "hashtag", "profile"]
Usd = Annotated[float, Meta(ge=0)]


class ScrapeTrends(Payload, frozen=True, tag_field="action", tag="scrape-trends"):
    """Start one scrape for each tracked query that is due. Sent by a schedule: no query, no date."""


class ScrapeQuery(Payload, frozen=True, tag_field="action", tag="scrape-query"):
    """Scrape the posts of one query now. Users who follow the same query share its scrapes."""

    platform: Platform
    value: Annotated[Line, Meta(description="The hashtag without '#', the handle without '@', or the words.")]
    kind: QueryKind = "hashtag"
    max_posts: Annotated[int, Meta(ge=1, le=5000)] = 500


class CollectPosts(Payload, frozen=True, tag_field="action", tag="collect-posts"):
    """Look after a started scrape: read its posts when it has finished, else look again later."""

    scrape_id: Id
    look: Annotated[
        int,
        Meta(ge=0, le=200, description="Which look this is; the wait grows with it. 0: Apify said it ended."),
    ] = 1


class RecommendPosts(Payload, frozen=True, tag_field="action", tag="recommend-posts"):
    """Tell one user what to post about the trends of a scrape of a query that they follow."""

    scrape_id: Id


ContentTrends = ScrapeTrends | ScrapeQuery | CollectPosts | RecommendPosts


class Example(Result, frozen=True):
    """A post that shows a trend."""

    id: str
    url: str | None = None
    views: Count | None = None
    likes: Count | None = None
    cohort_percentile: (
        Annotated[float, Meta(ge=0, le=100, description="Among posts of its age and its author's size.")]
        | None
    ) = None


class Trend(Result, frozen=True):
    """One topic whose share of the posts rose more than chance explains, and everything that says so."""

    identifier: Annotated[Line, Meta(description="A tag without '#', a sound's id, or words.")]
    state: Annotated[
        Literal["insufficient_history", "watch", "emerging", "rising", "peaking", "fading"],
        Meta(
            description="'insufficient_history': among the most used, nothing is claimed. 'watch': it rises, "
            "but not significantly yet. The others are confirmed trends, by their stage."
        ),
    ]
    posts: Annotated[Count, Meta(description="Posts of the last day that have it.")]
    authors: Annotated[Count, Meta(description="By how many authors.")]
    share: Annotated[Score, Meta(description="Its share of the last day's posts.")]
    base_share: Annotated[Score, Meta(description="Its share in the time before.")]
    q_value: Annotated[Score | None, Meta(description="False discovery rate at which it is significant.")] = (
        None
    )
    reasons: Annotated[tuple[str, ...], Meta(description="In words, made from the figures.")] = ()
    id: Annotated[Id | None, Meta(description="The same in every scrape of the query.")] = None
    kind: Literal["tag", "sound", "phrase", "word"] = "tag"
    also: Annotated[tuple[str, ...], Meta(description="Other topics of the same posts.")] = ()
    total_posts: Count = 0
    expected_posts: Annotated[float, Meta(ge=0, description="Posts that its usual share would give.")] = 0.0
    ratio: Annotated[float, Meta(ge=0, description="Times its usual share.")] = 1.0
    ratio_low: Annotated[float, Meta(ge=0, description="Lower end of the ratio's 90 % interval.")] = 0.0
    p_value: Score = 1.0
    burst_weight: Annotated[float, Meta(ge=0, description="Nats by which a burst explains it better.")] = 0.0
    burst_level: Annotated[int, Meta(ge=0, le=3, description="0, or 1 to 3: about 3, 9 or 27 times.")] = 0
    since: Instant | None = None
    is_news: Annotated[
        bool, Meta(description="Whether to tell people: once, and again only if its share doubled.")
    ] = False
    top_author_share: Score = 0.0
    peak_share: Score = 0.0
    half_life_hours: float | None = None
    sponsored_share: Annotated[
        Score, Meta(description="Of the posts that have it, promoted ones included.")
    ] = 0.0
    platforms: Annotated[
        tuple[Platform, ...], Meta(description="Where the same tag or phrase is a trend, the earliest first.")
    ] = ()
    examples: tuple[Example, ...] = ()
    history: Annotated[tuple[float, ...], Meta(description="Shares of the windows, the newest last.")] = ()
    caveats: tuple[str, ...] = ()


class TrendsFound(Result, frozen=True):
    """What a job led to."""

    status: Annotated[
        Literal["started", "waiting", "analysed", "shared", "recommended"],
        Meta(description="'shared': the same query was scraped in this period already."),
    ]
    scrape_id: Id | None = None
    scrapes_started: Count = 0
    posts: Annotated[Count, Meta(description="Distinct posts that were read.")] = 0
    quarantined: Annotated[Count, Meta(description="Rows that could not be read.")] = 0
    trends: tuple[Trend, ...] = ()
    not_counted: Annotated[
        dict[str, int],
        Meta(description="Posts that are no evidence, by reason: promoted, repeated, stale, invalid."),
    ] = msgspec.field(default_factory=dict[str, int])
    window_hours: Annotated[float | None, Meta(description="Of the trends' histories.")] = None
    until: Annotated[Instant | None, Meta(description="The end of the window.")] = None
    viral_posts: Count = 0
    cost_usd: Annotated[Usd | None, Meta(description="What Apify charged, as far as it is known.")] = None
    recommendations: Annotated[Count, Meta(description="New ones, for the user of the job.")] = 0
    caveats: tuple[str, ...] = ()
    detector_version: str = ""


class TrackedQuery(Payload, frozen=True):
    """A query that a user follows. It is scraped once for all, as often as the keenest follower wants."""

    platform: Platform
    value: Line
    kind: QueryKind = "hashtag"
    interval_minutes: Annotated[int, Meta(ge=60, le=10_080)] = 360
    max_posts: Annotated[int, Meta(ge=1, le=5000)] = 500


class BrandProfile(Payload, frozen=True):
    """What a user stands for: it decides which trends are for them."""

    topics: Annotated[
        tuple[Line, ...], Meta(max_length=50, description="Words and tags that are theirs.")
    ] = ()
    avoid: Annotated[tuple[Line, ...], Meta(max_length=50, description="Words that they never go near.")] = ()
    platforms: Annotated[tuple[Platform, ...], Meta(description="Where they post; empty: anywhere.")] = ()
    handles: Annotated[dict[Platform, Line], Meta(description="Their own accounts, without '@'.")] = (
        msgspec.field(default_factory=dict[Platform, str])
    )
    time_zone: Annotated[str, Meta(max_length=60)] = "UTC"


class Recommendation(Result, frozen=True):
    """What to post, where, by when, and why."""

    id: Id
    trend_id: Id
    action: str
    platform: Platform
    post_by: Instant
    post_by_basis: Annotated[str, Meta(description="What the date stands on.")]
    why: tuple[str, ...]
    evidence: tuple[Example, ...]
    confidence: Literal["high", "medium", "low"]
    score: Annotated[float, Meta(description="For ordering: burst weight, stage and brand together.")]
    best_hours: Annotated[
        tuple[int, ...] | None, Meta(description="Hours of the user's day; None: too few of their own posts.")
    ] = None
    timing: str = ""
    status: Literal["new", "dismissed", "used"] = "new"
