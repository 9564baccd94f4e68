"""The trends service: scrape posts, detect what rises."""

from typing import Annotated, Literal

from msgspec import Meta

from huntaze_contracts.base import Count, Id, Line, Payload, Result, Score

Platform = Literal["tiktok", "instagram", "youtube", "x", "reddit"]


class ScrapeTrends(Payload, frozen=True, tag_field="action", tag="scrape-trends"):
    """Start one scrape for each tracked query that is due. Sent by a schedule: no query, no date."""


class ScrapeQuery(Payload, frozen=True, tag_field="action", tag="scrape-query"):
    """Scrape the posts of one query now. Users who follow the same query share its scrapes."""

    platform: Platform
    value: Annotated[Line, Meta(description="The hashtag without '#', the handle without '@', or the words.")]
    kind: Literal["keyword", "hashtag", "profile"] = "hashtag"
    max_posts: Annotated[int, Meta(ge=1, le=5000)] = 500


class CollectPosts(Payload, frozen=True, tag_field="action", tag="collect-posts"):
    """Look after a started scrape: read its posts when it has finished, else look again later."""

    scrape_id: Id
    look: Annotated[int, Meta(ge=1, le=200, description="Which look this is; the wait grows with it.")] = 1


ContentTrends = ScrapeTrends | ScrapeQuery | CollectPosts


class Trend(Result, frozen=True):
    """One topic whose share of the posts rose more than chance explains."""

    identifier: Line
    state: Literal["insufficient_history", "watch", "emerging", "rising", "peaking", "fading"]
    posts: Count
    authors: Count
    share: Annotated[Score, Meta(description="Its share of the posts in the window.")]
    base_share: Annotated[Score, Meta(description="Its share in the time before.")]
    q_value: Annotated[Score | None, Meta(description="False discovery rate at which it is significant.")] = (
        None
    )
    reasons: tuple[str, ...] = ()


class TrendsFound(Result, frozen=True):
    """What a scrape led to."""

    status: Annotated[
        Literal["started", "waiting", "analysed", "shared"],
        Meta(description="'shared': the same query was scraped in this period already."),
    ]
    scrape_id: Id | None = None
    scrapes_started: Count = 0
    posts: Count = 0
    quarantined: Count = 0
    trends: tuple[Trend, ...] = ()
